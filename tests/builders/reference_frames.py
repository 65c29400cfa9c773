"""Payloads of reference data as the frames that parsers take."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructField, StructType

from delta_tables.table import Table
from delta_tables.tables.bronze import RAW_PAYLOADS
from tests.builders.payloads import payload

RECEIVED = datetime(2026, 6, 1, 22, tzinfo=UTC)
# Gives the validated rows of some payloads.
Validate = Callable[..., list[Any]]


def after(hours: float) -> datetime:
    """An instant some hours after RECEIVED."""
    return RECEIVED + timedelta(hours=hours)


def listed(dataset: str, body: Any, symbol: str = "IBM", **fields: Any) -> dict[str, Any]:
    """A row of bronze.raw_payloads with this body."""
    return payload(**{"dataset": dataset, "symbol": symbol, "fetched_at": RECEIVED, "body": body, **fields})


def payloads_frame(engine: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    """The rows as a frame with the columns of bronze.raw_payloads."""
    ordered = [tuple(row[name] for name in RAW_PAYLOADS.columns) for row in rows]
    return engine.createDataFrame(ordered, plain_schema(RAW_PAYLOADS))


def empty_frame(engine: SparkSession, table: Table) -> DataFrame:
    """The table without rows."""
    return engine.createDataFrame([], plain_schema(table))


def as_values(frame_df: DataFrame) -> DataFrame:
    """The frame's rows without the plan that computed them, as a build's staging leaves them."""
    return frame_df.sparkSession.createDataFrame(frame_df.collect(), frame_df.schema)


def plain_schema(table: Table) -> StructType:
    """The table's columns without comments, which the embedded engine does not read."""
    return StructType([StructField(field.name, field.dataType, True) for field in table.schema])


def rows_of_each(validate: Validate, payloads: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """The validated rows of each payload, all of them validated by one query."""
    numbered = [{**row, "payload_id": f"{number:03}"} for number, row in enumerate(payloads)]
    found = validate(*numbered)
    return [[row for row in found if row["payload_id"] == each["payload_id"]] for each in numbered]
