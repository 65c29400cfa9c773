"""Validation of flat files that gets something wrong, as a faulty release of the project would."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

import jobs.pipelines.silver.bar_files
import jobs.pipelines.silver.tick_files
from jobs.pipelines.silver.tick_files import TICK_PIPELINES
from jobs.silver.bar_rules import validate_bars
from jobs.silver.trades import validated_trades


def broken_trades(*given: Any) -> DataFrame:
    """Some trades at twice their price, some quarantined, some lost, one invalid trade accepted."""
    validated_df = validated_trades(*given)
    number = F.col("sequence_number")
    price = F.when(number % 100 == 1, F.col("price") * 2).when(F.col("price") <= 0, F.lit(1))
    refused = F.when(number % 100 == 2, F.array(F.lit("no_reason"))).when(F.col("price") <= 0, F.array())
    lost_df = validated_df.filter("sequence_number % 100 != 3")
    kind = validated_df.schema["price"].dataType
    return lost_df.withColumns(
        {
            "reasons": F.coalesce(refused, F.col("reasons")).cast("array<string>"),
            "raw_values": F.coalesce("raw_values", F.lit("[]")),
            "price": F.coalesce(price, F.col("price")).cast(kind),
        }
    )


def broken_bars(*given: Any) -> DataFrame:
    """Highs one too high, and bars of a certain close lost."""
    validated_df = validate_bars(*given)
    kind = validated_df.schema["high"].dataType
    return validated_df.filter("close != 51").withColumn("high", (F.col("high") + 1).cast(kind))


@contextmanager
def broken_validation() -> Iterator[None]:
    """Whatever is built inside is validated by these functions."""
    trades, quotes = TICK_PIPELINES
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            jobs.pipelines.silver.tick_files,
            "TICK_PIPELINES",
            (replace(trades, validate=broken_trades), quotes),
        )
        patch.setattr(jobs.pipelines.silver.bar_files, "validate_bars", broken_bars)
        yield
