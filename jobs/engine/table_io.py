"""Reads, stages and merges tables with the engine."""

import secrets
import uuid
from collections.abc import Sequence
from datetime import date

from pyarrow import fs
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake
from delta_tables.storage.table_commit import table_commit
from delta_tables.storage.table_log import require_whole_log
from delta_tables.table import Table
from jobs.history.bitemporal import CHANGE_TYPE

Bounds = tuple[date, date] | None


def read_table(spark: SparkSession, lake: Lake, table: Table) -> DataFrame:
    """The table's current rows, with its columns.

    Raises:
        LakeError: the table's log is damaged.
    """
    require_whole_log(lake, table)
    return spark.read.format("delta").load(lake.uri(table))


def stage(spark: SparkSession, lake: Lake, batch_df: DataFrame, run_id: str, name: str) -> DataFrame:
    """The batch, computed once and kept until the run ends, so that gate and merge read the same rows."""
    uri = lake.staging_uri(run_id, name)
    batch_df.write.mode("overwrite").parquet(uri)
    return spark.read.schema(batch_df.schema).parquet(uri)


def count_rows(frame_df: DataFrame) -> int:
    """The number of rows; Spark Connect's count() would build a pandas frame and send another request."""
    return int(frame_df.agg(F.count(F.lit(1))).collect()[0][0])


def date_bounds(batch_df: DataFrame, column: str) -> Bounds:
    """The smallest and the greatest date of a column; None for an empty batch."""
    smallest, greatest = batch_df.selectExpr(f"min({column})", f"max({column})").collect()[0]
    return None if smallest is None else (smallest, greatest)


def between(column: str, bounds: Bounds, alias: str = "t") -> str:
    """The SQL condition, with literal dates, so that the engine reads only the partitions that can match."""
    if bounds is None:
        return "true"
    smallest, greatest = bounds
    name = f"{alias}.`{column}`"
    return f"{name} >= date'{smallest.isoformat()}' AND {name} <= date'{greatest.isoformat()}'"


def append_first(lake: Lake, table: Table, changes_df: DataFrame) -> None:
    """Publishes the first rows of a range of keys in one commit.

    Only if the caller has found nothing stored in the range: then nothing can match, and a MERGE would read
    all stored rows of the day to find that out, more with each batch.

    Rows are added once, even if the plan is sent repeatedly: Spark Connect's client sends a plan again if the
    driver was restarted before it could respond, and Delta drops a commit whose txnAppId it has seen with
    this txnVersion. The id is new for each call, since the rows of a range that was emptied may be added
    again; Delta's log keeps one entry (about 100 bytes) for each. The embedded engine (Sail 0.7.2) ignores
    both options, and ends with this process.
    """
    lake.require_writer()
    once = {"txnAppId": f"append_first/{secrets.token_hex(16)}", "txnVersion": "1"}
    rows_df = changes_df.drop(CHANGE_TYPE)
    with table_commit(lake, table):
        rows_df.write.format("delta").mode("append").options(**once).save(lake.uri(table))


def merge_history(lake: Lake, table: Table, changes_df: DataFrame, bounds: Bounds) -> None:
    """Publishes changes, with CHANGE_TYPE, in one commit: upserts and deletes."""
    clauses = (
        f"WHEN MATCHED AND s.{CHANGE_TYPE} = 'delete' THEN DELETE "
        f"WHEN MATCHED THEN UPDATE SET {_assignments(table.columns)} "
        f"WHEN NOT MATCHED AND s.{CHANGE_TYPE} = 'upsert' THEN {_insert(table)}"
    )
    _merge(lake, table, changes_df, table.merge_condition(), clauses, bounds)


def merge_rows(lake: Lake, table: Table, rows_df: DataFrame, bounds: Bounds) -> None:
    """Publishes rows by key in one commit: inserts new rows, updates changed ones, leaves equal ones."""
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
    """Whether nothing has been written into the table since it was created; without an engine.

    Reads the whole log only if it consists of its beginning.
    """
    if _has_later_log(lake, table):
        return False
    stored = open_table(lake, table)
    return stored.version() == 0 and not stored.file_uris()


def _has_later_log(lake: Lake, table: Table) -> bool:
    """Whether the table's log has a commit after the first, or a checkpoint."""
    store, root = lake.file_system()
    log = f"{root}/{table.layer}/{table.name}/_delta_log"
    try:
        found = store.get_file_info([f"{log}/{1:020}.json", f"{log}/_last_checkpoint"])
    except OSError:  # opening the table reports what is wrong
        return False
    return any(info.type == fs.FileType.File for info in found)


def replace_rows(lake: Lake, table: Table, rows_df: DataFrame) -> None:
    """Publishes the rows as the table's only rows, in one commit; leaves equal ones unchanged."""
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
        with table_commit(lake, table):
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
    return f"INSERT ({names}) VALUES ({values})"  # noqa: S608 - only names of ours
