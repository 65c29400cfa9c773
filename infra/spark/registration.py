"""Registers every declared table and view of a lake in Spark SQL."""

from pyspark.sql import SparkSession

from delta_tables.storage.lake import Lake
from delta_tables.tables.catalogue import ALL_TABLES
from delta_tables.views.views import VIEWS


def register(spark: SparkSession, lake: Lake) -> list[str]:
    """Registers the lake's Delta tables and views; returns their names: `bronze.raw_payloads` ..."""
    names = []
    for layer in sorted({table.layer for table in ALL_TABLES}):
        spark.sql(f"CREATE DATABASE IF NOT EXISTS {layer}")
    for table in ALL_TABLES:
        spark.sql(f"CREATE TABLE IF NOT EXISTS {table.full_name} USING delta LOCATION '{lake.uri(table)}'")
        names.append(table.full_name)
    for view in VIEWS:
        spark.sql(f"CREATE OR REPLACE VIEW {view.name} AS {view.sql}")
        names.append(view.name)
    return names
