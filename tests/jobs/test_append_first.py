"""A first append is made once, however often the engine is asked for it."""

from pathlib import Path
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from jobs.engine.table_io import append_first, merge_rows
from jobs.history.bitemporal import CHANGE_TYPE
from tests.builders.small_table import row, table_of

PRICES = table_of()
WITHOUT_COMMENTS = StructType([StructField(each.name, each.dataType) for each in PRICES.schema])


def append(spark: SparkSession, lake: Lake, symbol: str) -> None:
    rows_df = spark.createDataFrame([tuple(row(symbol, "1.5").values())], WITHOUT_COMMENTS)
    append_first(lake, PRICES, rows_df.withColumn(CHANGE_TYPE, F.lit("upsert")))


def symbols(lake: Lake) -> list[str]:
    return sorted(read_rows(lake, PRICES, ["symbol"])["symbol"].to_pylist())


def test_each_append_adds_its_rows_the_same_ones_too(engine: SparkSession, lake: Lake) -> None:
    create_tables(lake, [PRICES])
    for symbol in ("A", "B", "A"):
        append(engine, lake, symbol)
    assert symbols(lake) == ["A", "A", "B"]


def test_the_first_rows_of_a_table_are_those_that_a_merge_would_leave(
    engine: SparkSession, tmp_path: Path
) -> None:
    new, used = (Lake(str(tmp_path / name)) for name in ("new", "used"))
    rows = [row("A", "1.5"), row("B", "2.5")]
    rows_df = engine.createDataFrame([tuple(each.values()) for each in rows], WITHOUT_COMMENTS)
    for lake in (new, used):
        create_tables(lake, [PRICES])
    append(engine, used, "C")
    for lake in (new, new, used):
        merge_rows(lake, PRICES, rows_df, None)
    wanted = [each for each in in_order(used) if each["symbol"] != "C"]
    assert in_order(new) == wanted
    assert [each["symbol"] for each in wanted] == ["A", "B"]


def in_order(lake: Lake) -> list[dict[str, Any]]:
    return sorted(read_rows(lake, PRICES).to_pylist(), key=lambda each: str(each["symbol"]))


@pytest.mark.spark
def test_a_plan_that_is_sent_again_adds_nothing_on_apache_spark(
    apache_spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Spark Connect's client does where the driver was restarted before it could answer."""
    create_tables(lake, [PRICES])
    client = cast(Any, apache_spark)._client
    execute = client.execute_command
    sent = []

    def execute_twice(command: Any) -> Any:
        sent.append(command)
        execute(command)
        return execute(command)

    monkeypatch.setattr(client, "execute_command", execute_twice)
    append(apache_spark, lake, "A")
    append(apache_spark, lake, "B")
    assert len(sent) == 2
    assert symbols(lake) == ["A", "B"]
