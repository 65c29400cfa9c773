"""A first append is made once, however often the engine is asked for it."""

from typing import Any, cast

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from delta_tables.arrow_io import read_rows
from delta_tables.create_tables import create_tables
from delta_tables.lake import Lake
from jobs.bitemporal import OPERATION
from jobs.table_io import append_first
from tests.delta_tables.small_table import row, table_of

PRICES = table_of()
WITHOUT_COMMENTS = StructType([StructField(each.name, each.dataType) for each in PRICES.schema])


def append(spark: SparkSession, lake: Lake, symbol: str) -> None:
    rows_df = spark.createDataFrame([tuple(row(symbol, "1.5").values())], WITHOUT_COMMENTS)
    append_first(lake, PRICES, rows_df.withColumn(OPERATION, F.lit("upsert")))


def symbols(lake: Lake) -> list[str]:
    return sorted(read_rows(lake, PRICES, ["symbol"])["symbol"].to_pylist())


def test_each_append_adds_its_rows_the_same_ones_too(engine: SparkSession, lake: Lake) -> None:
    create_tables(lake, [PRICES])
    for symbol in ("A", "B", "A"):
        append(engine, lake, symbol)
    assert symbols(lake) == ["A", "A", "B"]


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
