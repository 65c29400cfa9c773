"""Registers the lake's tables and views with an engine under their names."""

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from delta_tables.storage.create_tables import access_denied, first_line
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.table_log import require_whole_log
from delta_tables.table import LAYERS, Table
from delta_tables.tables.catalogue import ALL_TABLES
from delta_tables.views.views import STOCK_CLEAN, VIEWS, View
from serving.sql.read_only import names_in


def register_tables(spark: SparkSession, lake: Lake, statement: str | None = None) -> tuple[str, ...]:
    """Registers every table of the lake and the views over them, and returns their names.

    With a `statement`, only the tables and views that it names are registered, if it names any, because each
    takes the engine some time. The view silver.stock_clean is also registered as `silver_stock_clean`, its
    name in Soda. Names that still point to another lake (Apache Spark keeps them between sessions) are
    registered again. This changes no data: dropping a table with a LOCATION does not delete its files.

    Raises:
        LakeError: there is no lake at this location, or it has no tables.
    """
    tables = existing_tables(lake)
    if not tables:
        raise LakeError(f"no lake at {lake.root}: it has no tables; fill it with `lakehouse run`")
    if statement is not None:
        tables = _named_in(statement, tables) or tables
    for layer in LAYERS:
        spark.sql(f"CREATE DATABASE IF NOT EXISTS {layer}")
    known = {layer: _names_in(spark, layer) for layer in LAYERS}
    for table in tables:
        _register(spark, lake, table, is_known=table.name in known[table.layer])
    return tuple(table.full_name for table in tables) + _register_views(spark, tables)


def _named_in(statement: str, tables: tuple[Table, ...]) -> tuple[Table, ...]:
    """The tables that the statement names anywhere, and the tables of the views that it names."""
    words = set(names_in(statement))
    if "identifier" in words:  # IDENTIFIER('gold.signals') names a table in a string
        return tables

    def is_named(full_name: str) -> bool:
        return full_name.rpartition(".")[2] in words or full_name.replace(".", "_") in words

    needed = {table for view in existing_views(tables) if is_named(view.name) for table in view.tables}
    return tuple(table for table in tables if table in needed or is_named(table.full_name))


def existing_tables(lake: Lake) -> tuple[Table, ...]:
    """The declared tables that have been created.

    Raises:
        LakeError: the store does not respond, or denies access with this key.
    """
    try:
        return tuple(
            table
            for table in ALL_TABLES
            if DeltaTable.is_deltatable(lake.uri(table), storage_options=dict(lake.options))
        )
    except (DeltaError, OSError) as error:
        if "403 Forbidden" in str(error):
            raise access_denied(lake) from None
        raise LakeError(f"{lake.root}: the store does not respond: {first_line(error)}") from None


def existing_views(tables: tuple[Table, ...]) -> tuple[View, ...]:
    """The views whose tables are all among `tables`."""
    return tuple(view for view in VIEWS if set(view.tables) <= set(tables))


def declared_schema(name: str) -> StructType | None:
    """The declared schema of the table `layer.name`, with comments; None if it is not declared."""
    return next((table.schema for table in ALL_TABLES if table.full_name == name), None)


def _names_in(spark: SparkSession, layer: str) -> set[str]:
    return {row["tableName"] for row in spark.sql(f"SHOW TABLES IN {layer}").collect()}


def _register(spark: SparkSession, lake: Lake, table: Table, *, is_known: bool) -> None:
    require_whole_log(lake, table)
    uri = lake.uri(table).replace("'", "\\'")
    if is_known:
        # not CREATE OR REPLACE: with Delta that replaces the data at the location
        spark.sql(f"DROP TABLE IF EXISTS {table.full_name}")
    spark.sql(f"CREATE TABLE {table.full_name} USING delta LOCATION '{uri}'")


def _register_views(spark: SparkSession, tables: tuple[Table, ...]) -> tuple[str, ...]:
    views = existing_views(tables)
    for view in views:
        spark.sql(f"CREATE OR REPLACE VIEW {view.name} AS {view.sql}")
    names = tuple(view.name for view in views)
    if STOCK_CLEAN not in names:
        return names
    alias = STOCK_CLEAN.replace(".", "_")
    spark.table(STOCK_CLEAN).createOrReplaceTempView(alias)
    return *names, alias
