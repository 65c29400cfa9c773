"""Apache Spark itself refuses files and variables in SQL while a query runs, and reads tables as before."""

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from delta_tables.storage.lake import Lake
from delta_tables.tables.gold import SIGNALS
from jobs.engine.table_io import merge_rows, read_table
from serving.sql.no_files import without_files
from serving.sql.run import run_query


@pytest.mark.spark
@pytest.mark.parametrize("kind", ["text", "csv", "json", "parquet", "binaryFile", "delta"])
def test_spark_refuses_a_file(apache_spark: SparkSession, sample: Lake, kind: str) -> None:
    path = sample.uri(SIGNALS)
    with without_files(apache_spark), pytest.raises(AnalysisException, match="TABLE_OR_VIEW_NOT_FOUND"):
        apache_spark.sql(f"SELECT * FROM {kind}.`{path}`").collect()


@pytest.mark.spark
def test_spark_puts_no_variable_of_its_machine_into_a_query(apache_spark: SparkSession) -> None:
    with without_files(apache_spark):
        (row,) = apache_spark.sql("SELECT '${env:PATH}' AS path, '${system:user.home}' AS home").collect()
    assert (row["path"], row["home"]) == ("${env:PATH}", "${system:user.home}")


def test_tables_and_views_are_read_and_later_merges_work(engine: SparkSession, sample: Lake) -> None:
    for name in ("gold.signals", "silver.stock_clean"):
        assert run_query(engine, sample, f"select * from {name} limit 1").num_rows == 1
    merge_rows(sample, SIGNALS, read_table(engine, sample, SIGNALS), None)
