"""Keeps a table's log short: a checkpoint, and no entries that only expired versions need."""

from pathlib import Path

from pyarrow import fs

from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake
from delta_tables.storage.table_commit import table_commit
from delta_tables.storage.table_log import log_folder
from delta_tables.table import Table

_RETENTION = "delta.logRetentionDuration"


def shorten_log(lake: Lake, table: Table, retain_hours: int) -> None:
    """Writes a checkpoint of the current version, then removes older log entries than `retain_hours`.

    Every version of that period can still be read: entries before it go once a checkpoint of that age
    replaces them. Readers of the current version open the checkpoint instead of every entry. The table keeps
    the period as its own property, so that engines which clean up after themselves keep to it.

    Raises:
        LakeError: the table cannot be read.
        DeltaError: the store refused; nothing that a reader needs is gone.
    """
    lake.require_writer()
    wanted = f"interval {retain_hours} hours"
    with table_commit(lake, table):
        stored = open_table(lake, table)
        if stored.metadata().configuration.get(_RETENTION) != wanted:
            stored.alter.set_table_properties({_RETENTION: wanted})
        stored.create_checkpoint()
        stored.cleanup_metadata()
    if not lake.is_s3:
        _remove_stray_sums(log_folder(lake, table))


def log_file_count(lake: Lake, table: Table) -> int:
    """How many files the table's log has.

    Raises:
        OSError: the store does not answer.
    """
    store, root = lake.file_system()
    return len(store.get_file_info(fs.FileSelector(f"{root}/{table.layer}/{table.name}/_delta_log")))


def _remove_stray_sums(log: Path) -> None:
    """Removes version checksums (of Sail) whose entry is gone: the clean-up of delta-rs leaves them."""
    for file in log.glob("*.crc"):
        if not file.with_suffix(".json").exists():
            file.unlink(missing_ok=True)
