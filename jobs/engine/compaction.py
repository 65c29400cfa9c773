"""Compacts and vacuums a table with the kind of writer that it has; reports its files and bytes."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Final

from deltalake import DeltaTable
from pyarrow import fs
from pyspark.sql import SparkSession

from delta_tables.storage.arrow_io import COMPRESSED
from delta_tables.storage.arrow_stream import arrow_table
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.row_digest import row_digest
from delta_tables.storage.table_commit import table_commit
from delta_tables.table import Table

ENGINE_LAYERS: Final = frozenset({"silver", "gold"})
MIN_RETAIN_HOURS: Final = 7 * 24  # a long reader, or a restore, may need a version of a week ago
_OPTIMIZE: Final = "OPTIMIZE"  # the name of a compaction in a table's history, by delta-rs and Apache Spark
_SMALL_FILE_LIMIT: Final = 4  # a partition with so few files is not compacted
_NAMES: Final = ("path", "size_bytes", "num_records")


class LostRowsError(LakeError):
    """A compacted table does not have the rows that it had before; all its earlier files still exist."""


@dataclass(frozen=True)
class Storage:
    """Files, bytes and rows of a table's current version, and the bytes of older versions."""

    files: int
    bytes: int
    rows: int
    old_bytes: int
    version: int


@dataclass(frozen=True)
class _File:
    """A data file; `partition` is the value of its first partition column as text, "" without partitions."""

    path: str
    partition: str
    size_bytes: int
    rows: int


def storage_of(lake: Lake, table: Table) -> Storage:
    """The table's files, bytes and rows, from its log and its folder."""
    stored = open_table(lake, table)
    files = _files(stored, table)
    live = sum(file.size_bytes for file in files)
    old = max(0, stored_bytes(lake, f"{table.layer}/{table.name}", ".parquet") - live)
    return Storage(len(files), live, sum(file.rows for file in files), old, stored.version())


def stored_bytes(lake: Lake, folder: str, suffix: str = "") -> int:
    """The bytes of all files in a folder of the lake whose names end in `suffix`.

    With a suffix, checkpoints of the log are not counted: they are data files of no table.
    """
    store, root = lake.file_system()
    selector = fs.FileSelector(f"{root}/{folder}", allow_not_found=True, recursive=True)
    return sum(
        info.size
        for info in store.get_file_info(selector)
        if info.is_file and info.path.endswith(suffix) and not (suffix and "/_delta_log/" in info.path)
    )


def has_small_files(lake: Lake, table: Table) -> bool:
    """Whether a partition (or the table, without partitions) has more than a few files."""
    files = _files(open_table(lake, table), table)
    return any(count > _SMALL_FILE_LIMIT for count in Counter(file.partition for file in files).values())


def compact(lake: Lake, table: Table, spark: SparkSession | None) -> None:
    """Rewrites the table into fewer and larger files; verifies by content hash that no row changed.

    The embedded engine has no OPTIMIZE and commits as delta-rs does, so delta-rs compacts its tables, as it
    does for Bronze and Ops on both engines. Runs may append to those meanwhile, so each commit is compared
    with the version just before it.

    Args:
        lake: the lake.
        table: the table.
        spark: Apache Spark if it writes this lake, otherwise None.

    Raises:
        LostRowsError: the rewritten partitions have other rows than before.
        LakeError: files were replaced, but no commit of the table's history is a compaction.
    """
    before = open_table(lake, table).version()
    lake.require_writer()
    replaced = _replace_small_files(lake, table, spark)
    made = _compactions_since(lake, table, before)
    if replaced and not made:
        raise LakeError(
            f"{table.full_name}: {replaced} files were replaced, but no commit after version {before} is an "
            f"{_OPTIMIZE}, so it cannot be verified that the rows are the same. Nothing was removed."
        )
    for version in made:
        _require_same_rows(lake, table, version)


def _replace_small_files(lake: Lake, table: Table, spark: SparkSession | None) -> int:
    """The number of replaced files."""
    with table_commit(lake, table):
        if spark is not None and table.layer in ENGINE_LAYERS:
            (done,) = spark.sql(f"OPTIMIZE delta.`{lake.uri(table)}`").collect()
            return int(done["metrics"]["numFilesRemoved"])
        return int(open_table(lake, table).optimize.compact(writer_properties=COMPRESSED)["numFilesRemoved"])


def _compactions_since(lake: Lake, table: Table, version: int) -> list[int]:
    """The later versions that a compaction created, oldest first."""
    newest = open_table(lake, table).version()
    return [
        number for number in range(version + 1, newest + 1) if _operation(lake, table, number) == _OPTIMIZE
    ]


def _operation(lake: Lake, table: Table, version: int) -> str | None:
    """What the version's log entry calls itself; delta-rs' history (1.6.6) is empty in a folder `a#b`."""
    store, root = lake.file_system()
    path = f"{root}/{table.layer}/{table.name}/_delta_log/{version:020}.json"
    with store.open_input_stream(path) as entry:
        actions = map(json.loads, entry.read().splitlines())
        return next((str(a["commitInfo"].get("operation")) for a in actions if "commitInfo" in a), None)


def _require_same_rows(lake: Lake, table: Table, version: int) -> None:
    """Compares the partitions that this version rewrote with the version before, by hashes of all columns."""
    stored = open_table(lake, table)
    changed: set[_File] = set()
    for number in (version - 1, version):
        stored.load_as_version(number)
        changed ^= set(_files(stored, table))
    if not changed:
        return
    only = {file.partition for file in changed} if table.partition_by else None
    before, after = (row_digest(lake, table, number, only) for number in (version - 1, version))
    if before != after:
        raise LostRowsError(
            f"{table.full_name}: version {version - 1} has {before.rows} rows in the compacted partitions, "
            f"version {version} has {after.rows}, or other values. Nothing was removed. Stop all runs. While "
            f"{version} is the newest version, restore {version - 1}. Once others follow, do not restore, "
            f"since that would drop what they added. Append the rows of version {version - 1} that version "
            f"{version} does not have (its files are kept for {MIN_RETAIN_HOURS // 24} days)."
        )


def vacuum(lake: Lake, table: Table, spark: SparkSession | None, retain_hours: int) -> None:
    """Removes files that no version of the last `retain_hours` needs, including those of killed writers.

    Raises:
        LakeError: `retain_hours` is less than a reader or a restore may need; nothing was removed.
    """
    if retain_hours < MIN_RETAIN_HOURS:
        raise LakeError(
            f"{table.full_name}: old files are kept for at least {MIN_RETAIN_HOURS} hours, for readers and "
            f"restores; maintenance.retain_hours is {retain_hours}."
        )
    lake.require_writer()
    with table_commit(lake, table):
        _vacuum(lake, table, spark, retain_hours)


def _vacuum(lake: Lake, table: Table, spark: SparkSession | None, retain_hours: int) -> None:
    if spark is not None and table.layer in ENGINE_LAYERS:
        spark.sql(f"VACUUM delta.`{lake.uri(table)}` RETAIN {retain_hours} HOURS").collect()
    else:
        open_table(lake, table).vacuum(retain_hours, dry_run=False, full=True)


def _files(stored: DeltaTable, table: Table) -> list[_File]:
    """The data files of the loaded version."""
    actions = arrow_table(stored.get_add_actions(flatten=True))
    key = f"partition.{table.partition_by[0]}" if table.partition_by else None
    rows = actions.select([name for name in _NAMES if name in actions.schema.names]).to_pylist()
    values = actions[key].to_pylist() if key and key in actions.schema.names else [""] * len(rows)
    return [
        _File(row["path"], str(value), int(row["size_bytes"]), int(row["num_records"] or 0))
        for row, value in zip(rows, values, strict=True)
    ]
