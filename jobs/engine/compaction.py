"""Compacts and vacuums a table by the one kind of writer that it has; says what it is made of."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from deltalake import DeltaTable
from pyarrow import fs
from pyspark.sql import SparkSession

from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.row_digest import row_digest
from delta_tables.table import Table

ENGINE_LAYERS: Final = frozenset({"silver", "gold"})
MIN_RETAIN_HOURS: Final = 7 * 24  # the longest reader, or a way back, may need a version of a week ago
_OPTIMIZE: Final = "OPTIMIZE"  # what both delta-rs and Apache Spark call a compaction in a table's history
_SMALL_FILE_LIMIT: Final = 4  # as many of a partition are left as they are
_NAMES: Final = ("path", "size_bytes", "num_records")


class LostRowsError(LakeError):
    """A compacted table does not hold what it held before; the files of before are all still there."""


@dataclass(frozen=True)
class Storage:
    """What a table is made of: files, bytes and rows of its current version, bytes of older ones."""

    files: int
    bytes: int
    rows: int
    old_bytes: int
    version: int


@dataclass(frozen=True)
class _File:
    """A data file; `partition` is the text of its first partition column's value, "" without one."""

    path: str
    partition: str
    size_bytes: int
    rows: int


def storage_of(lake: Lake, table: Table) -> Storage:
    """The table's storage, from its log and its folder."""
    stored = open_table(lake, table)
    files = _files(stored, table)
    live = sum(file.size_bytes for file in files)
    old = max(0, stored_bytes(lake, f"{table.layer}/{table.name}", ".parquet") - live)
    return Storage(len(files), live, sum(file.rows for file in files), old, stored.version())


def stored_bytes(lake: Lake, folder: str, suffix: str = "") -> int:
    """The bytes of all files in a folder of the lake, of data files only where `suffix` is .parquet.

    Checkpoints of the log are data files of no table and do not count as such.
    """
    store, root = lake.file_system()
    selector = fs.FileSelector(f"{root}/{folder}", allow_not_found=True, recursive=True)
    return sum(
        info.size
        for info in store.get_file_info(selector)
        if info.is_file and info.path.endswith(suffix) and not (suffix and "/_delta_log/" in info.path)
    )


def has_small_files(lake: Lake, table: Table) -> bool:
    """Whether a partition (the table, without any) has more than a few files."""
    files = _files(open_table(lake, table), table)
    return any(count > _SMALL_FILE_LIMIT for count in Counter(file.partition for file in files).values())


def compact(lake: Lake, table: Table, spark: SparkSession | None) -> None:
    """Fewer and larger files with the same rows, in commits that change no data, each proven not to.

    `spark`: Apache Spark where it writes this lake, else None: the embedded engine has no OPTIMIZE and
    commits as delta-rs does, so delta-rs compacts for it, as it does for Bronze and Ops everywhere. Runs may
    append to those meanwhile, so each commit is compared with the version just before it.

    Raises:
        LostRowsError: the rows of the rewritten partitions are others than before.
        LakeError: files were replaced, and the table's history does not say by which commit.
    """
    before = open_table(lake, table).version()
    lake.require_writer()
    replaced = _replace_small_files(lake, table, spark)
    made = _compactions_since(lake, table, before)
    if replaced and not made:
        raise LakeError(
            f"{table.full_name}: {replaced} files were replaced, and no commit after version {before} is an "
            f"{_OPTIMIZE}: that the rows are the same cannot be proven; nothing was removed"
        )
    for version in made:
        _require_same_rows(lake, table, version)


def _replace_small_files(lake: Lake, table: Table, spark: SparkSession | None) -> int:
    """How many files were replaced."""
    if spark is not None and table.layer in ENGINE_LAYERS:
        (done,) = spark.sql(f"OPTIMIZE delta.`{lake.uri(table)}`").collect()
        return int(done["metrics"]["numFilesRemoved"])
    return int(open_table(lake, table).optimize.compact()["numFilesRemoved"])


def _compactions_since(lake: Lake, table: Table, version: int) -> list[int]:
    """The versions after this one that a compaction made, the oldest first."""
    stored = open_table(lake, table)
    if stored.version() == version:
        return []
    commits = stored.history(stored.version() - version)  # which may give one more than asked for
    made = (int(each["version"]) for each in commits if each.get("operation") == _OPTIMIZE)
    return sorted(each for each in made if each > version)


def _require_same_rows(lake: Lake, table: Table, version: int) -> None:
    """Compares the partitions that this version rewrote with the one before it: every column, as hashes."""
    stored = open_table(lake, table)
    changed: set[_File] = set()
    for each in (version - 1, version):
        stored.load_as_version(each)
        changed ^= set(_files(stored, table))
    if not changed:
        return
    only = {file.partition for file in changed} if table.partition_by else None
    then, now = (row_digest(lake, table, each, only) for each in (version - 1, version))
    if then != now:
        raise LostRowsError(
            f"{table.full_name}: version {version - 1} has {then.rows} rows in the partitions that were "
            f"compacted, version {version} {now.rows}, or others. Nothing was removed; stop all runs. While "
            f"{version} is the newest version, restore {version - 1}; once others follow do not restore, "
            f"which would drop what they added: append the rows of version {version - 1} that version "
            f"{version} does not have (its files stay for {MIN_RETAIN_HOURS // 24} days)"
        )


def vacuum(lake: Lake, table: Table, spark: SparkSession | None, retain_hours: int) -> None:
    """Removes files that no version of the last `retain_hours` needs, those that killed writers left too.

    Raises:
        LakeError: fewer hours than a reader or a way back may need; nothing was removed.
    """
    if retain_hours < MIN_RETAIN_HOURS:
        raise LakeError(
            f"{table.full_name}: old files are kept for {MIN_RETAIN_HOURS} hours at least, for readers at "
            f"work and for a way back; {retain_hours} were asked for (maintenance.retain_hours)"
        )
    lake.require_writer()
    if spark is not None and table.layer in ENGINE_LAYERS:
        spark.sql(f"VACUUM delta.`{lake.uri(table)}` RETAIN {retain_hours} HOURS").collect()
    else:
        open_table(lake, table).vacuum(retain_hours, dry_run=False, full=True)


def _files(stored: DeltaTable, table: Table) -> list[_File]:
    """The data files of the version that is loaded."""
    actions = pa.table(stored.get_add_actions(flatten=True))
    key = f"partition.{table.partition_by[0]}" if table.partition_by else None
    rows = actions.select([name for name in _NAMES if name in actions.schema.names]).to_pylist()
    values = actions[key].to_pylist() if key and key in actions.schema.names else [""] * len(rows)
    return [
        _File(row["path"], str(value), int(row["size_bytes"]), int(row["num_records"] or 0))
        for row, value in zip(rows, values, strict=True)
    ]
