"""Runs a person's SQL: one statement that only reads; errors are one line."""

import re

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from serving.errors import ServingError
from serving.sql.catalog import declared_schema, existing_tables, existing_views, register_tables
from serving.sql.errors import explain_error
from serving.sql.no_files import without_files
from serving.sql.read_only import checked_statement
from serving.sql.sources import check_sources
from serving.sql.time_limit import within

_DESCRIBE = re.compile(r"desc(?:ribe)?\s+(?:table\s+)?(?:extended\s+)?`?(\w+)`?\.`?(\w+)`?", re.IGNORECASE)
_SHOW_TABLES = re.compile(r"show\s+tables", re.IGNORECASE)


def run_query(spark: SparkSession, lake: Lake, text: str, timeout_seconds: float | None = None) -> pa.Table:
    """The result of a SELECT, WITH, SHOW, DESCRIBE or EXPLAIN over the lake's tables.

    Only declared tables and views can be read, no other file or source. Strings can be in single or double
    quotes. `SHOW TABLES` (without a layer) and `DESCRIBE layer.table` are answered from the declarations,
    with descriptions and units, which the embedded engine (Sail 0.7.2) does not return.

    Raises:
        ServingError: the statement is refused, names something that does not exist, or takes longer than
            `timeout_seconds` (None: no limit).
        LakeError: there is no lake.
    """
    statement = checked_statement(text)
    check_sources(statement)
    if _SHOW_TABLES.fullmatch(statement):
        return _tables(existing_tables(lake))
    register_tables(spark, lake, statement)
    try:
        if described := _DESCRIBE.fullmatch(statement):
            return _columns(spark, ".".join(described.groups()).lower())
        with without_files(spark):
            return within(timeout_seconds, spark, lambda: _to_arrow(spark, spark.sql(statement)))
    except PySparkException as error:
        raise ServingError(explain_error(error, statement)) from None


def _to_arrow(spark: SparkSession, result_df: DataFrame) -> pa.Table:
    # Spark 3.5 has no DataFrame.toArrow; collect() would convert instants to this machine's local time.
    client = spark.client
    table, _ = client.to_table(result_df._plan.to_proto(client))  # type: ignore[operator]
    return table


def _tables(tables: tuple[Table, ...]) -> pa.Table:
    rows = [{"table": table.full_name, "description": table.description} for table in tables]
    views = existing_views(tables)
    rows += [{"table": view.name, "description": f"View: {view.description}"} for view in views]
    return pa.Table.from_pylist(rows)


def _columns(spark: SparkSession, name: str) -> pa.Table:
    schema = declared_schema(name) or spark.table(name).schema
    return pa.Table.from_pylist(
        [
            {
                "column": field.name,
                "type": field.dataType.simpleString(),
                "comment": field.metadata.get("comment", ""),
            }
            for field in schema
        ]
    )
