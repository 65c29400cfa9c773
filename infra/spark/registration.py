"""Every declared table and view of a lake, known to Spark SQL by its name."""

from delta_tables.catalogue import ALL_TABLES
from delta_tables.lake import Lake
from pyspark.sql import SparkSession


def register(spark: SparkSession, lake: Lake) -> list[str]:
    """The names that were registered: `bronze.raw_payloads`, `silver.bars` ... over the lake's Delta tables."""
    names = []
    for layer in sorted({table.layer for table in ALL_TABLES}):
        spark.sql(f"CREATE DATABASE IF NOT EXISTS {layer}")
    for table in ALL_TABLES:
        spark.sql(f"CREATE TABLE IF NOT EXISTS {table.full_name} USING delta LOCATION '{lake.uri(table)}'")
        names.append(table.full_name)
    return names
