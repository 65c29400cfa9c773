"""Reads, stages and merges tables: the only module of the jobs that touches storage."""

import secrets
import uuid
from collections.abc import Sequence
from datetime import date

from pyarrow import fs
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.storage.commits import commit
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from jobs.history.bitemporal import CHANGE_TYPE

Bounds = tuple[date, date] | None


def read_table(spark: SparkSession, lake: Lake, table: Table) -> DataFrame:
    """The table's rows as they are now."""
    return spark.read.format("delta").load(lake.uri(table))


def stage(spark: SparkSession, lake: Lake, batch_df: DataFrame, run_id: str, name: str) -> DataFrame:
    """The batch, computed once and kept until the run ends, so that gate and merge see the same rows."""
    uri = lake.staging_uri(run_id, name)
    batch_df.write.mode("overwrite").parquet(uri)
    return spark.read.schema(batch_df.schema).parquet(uri)


def count_rows(frame_df: DataFrame) -> int:
    """The number of rows, without the pandas frame and the further request of Spark Connect's count()."""
    return int(frame_df.agg(F.count(F.lit(1))).collect()[0][0])


def date_bounds(batch_df: DataFrame, column: str) -> Bounds:
    """The least and the greatest date of a column; None where the batch is empty."""
    least, greatest = batch_df.selectExpr(f"min({column})", f"max({column})").collect()[0]
    return None if least is None else (least, greatest)


def between(column: str, bounds: Bounds, alias: str = "t") -> str:
    """A condition with literal dates, so that the engine reads only the partitions that can match."""
    if bounds is None:
        return "true"
    least, greatest = bounds
    name = f"{alias}.`{column}`"
    return f"{name} >= date'{least.isoformat()}' AND {name} <= date'{greatest.isoformat()}'"


def append_first(lake: Lake, table: Table, changes_df: DataFrame) -> None:
    """Publishes the first rows of a range of keys in one commit.

    Only where the caller has found nothing stored in the range: nothing can match there, and a MERGE would
    read all that is stored of the day to find that out, more with each batch.

    Rows are added once, however often the engine is asked: Spark Connect's client sends a plan again where
    the driver was restarted before it could answer, and Delta drops a commit whose txnAppId it has seen with
    this txnVersion. The id is new with each call, since the rows of a range that was emptied may come again;
    Delta's log keeps one entry (about 100 bytes) of each. The embedded engine (Sail 0.7.2) ignores both
    options, and ends with the process that asks it.
    """
    lake.require_writer()
    once = {"txnAppId": f"append_first/{secrets.token_hex(16)}", "txnVersion": "1"}
    rows_df = changes_df.drop(CHANGE_TYPE)
    with commit():
        rows_df.write.format("delta").mode("append").options(**once).save(lake.uri(table))


def merge_history(lake: Lake, table: Table, changes_df: DataFrame, bounds: Bounds) -> None:
    """Publishes the changes of a bitemporal table in one commit."""
    clauses = (
        f"WHEN MATCHED AND s.{CHANGE_TYPE} = 'delete' THEN DELETE "
        f"WHEN MATCHED THEN UPDATE SET {_assignments(table.columns)} "
        f"WHEN NOT MATCHED AND s.{CHANGE_TYPE} = 'upsert' THEN {_insert(table)}"
    )
    _merge(lake, table, changes_df, table.merge_condition(), clauses, bounds)


def merge_rows(lake: Lake, table: Table, rows_df: DataFrame, bounds: Bounds) -> None:
    """Publishes rows by key in one commit: new ones are inserted, changed ones updated, equal ones left."""
    if is_new(lake, table):  # nothing can match
        append_first(lake, table, rows_df)
        return
    changed = " OR ".join(f"NOT (t.`{name}` <=> s.`{name}`)" for name in table.value_columns)
    clauses = (
        f"WHEN MATCHED AND ({changed}) THEN UPDATE SET {_assignments(table.columns)} "
        f"WHEN NOT MATCHED THEN {_insert(table)}"
    )
    _merge(lake, table, rows_df, table.merge_condition(), clauses, bounds)


def is_new(lake: Lake, table: Table) -> bool:
    """Whether nothing has been written into the table since it was made; asks no engine.

    The whole log is read only where there is nothing but its beginning.
    """
    if _has_later_log(lake, table):
        return False
    stored = open_table(lake, table)
    return stored.version() == 0 and not stored.file_uris()


def _has_later_log(lake: Lake, table: Table) -> bool:
    """Whether the table's log shows a commit after the first, or that its beginning was cleaned away."""
    store, root = lake.file_system()
    log = f"{root}/{table.layer}/{table.name}/_delta_log"
    try:
        found = store.get_file_info([f"{log}/{1:020}.json", f"{log}/_last_checkpoint"])
    except OSError:  # opening the table says what is wrong
        return False
    return any(each.type == fs.FileType.File for each in found)


def replace_rows(lake: Lake, table: Table, rows_df: DataFrame) -> None:
    """Publishes the rows as all that the table holds, in one commit; equal ones are left alone."""
    changed = " OR ".join(f"NOT (t.`{name}` <=> s.`{name}`)" for name in table.value_columns)
    clauses = (
        f"WHEN MATCHED AND ({changed}) THEN UPDATE SET {_assignments(table.columns)} "
        f"WHEN NOT MATCHED THEN {_insert(table)} WHEN NOT MATCHED BY SOURCE THEN DELETE"
    )
    _merge(lake, table, rows_df, table.merge_condition(), clauses, None)


def _merge(
    lake: Lake, table: Table, source_df: DataFrame, condition: str, clauses: str, bounds: Bounds
) -> None:
    spark = source_df.sparkSession
    view = f"merge_{table.dataset}_{uuid.uuid4().hex[:8]}"
    source_df.createOrReplaceTempView(view)
    pruned = between(table.partition_by[0], bounds) if table.partition_by else "true"
    try:
        lake.require_writer()
        with commit():
            spark.sql(
                f"MERGE INTO delta.`{lake.uri(table)}` t USING {view} s ON {condition} AND {pruned} {clauses}"
            ).collect()
    finally:
        spark.catalog.dropTempView(view)


def _assignments(columns: Sequence[str]) -> str:
    return ", ".join(f"`{name}` = s.`{name}`" for name in columns)


def _insert(table: Table) -> str:
    names = ", ".join(f"`{name}`" for name in table.columns)
    values = ", ".join(f"s.`{name}`" for name in table.columns)
    return f"INSERT ({names}) VALUES ({values})"  # noqa: S608 - our names only
