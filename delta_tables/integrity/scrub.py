"""Reads every live file of a table whole, and compares it with its checksum, its log and its own format."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from pyarrow import fs

from delta_tables.storage.arrow_stream import arrow_table
from delta_tables.storage.checksums import (
    keep_checksums,
    record_checksums,
    recorded_checksums,
    sha256_of,
)
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.table_log import live_log_files, log_faults, log_folder
from delta_tables.table import Table

_BATCH_ROWS = 64_000


@dataclass(frozen=True)
class Damage:
    """A file that is not as it was written; `is_log`: it belongs to the table's log."""

    table: Table
    path: str
    fault: str
    is_log: bool = False

    def __str__(self) -> str:
        return f"{self.table.full_name}: {self.path} {self.fault}"


@dataclass(frozen=True)
class ScrubbedTable:
    """What was found in a table.

    Attributes:
        table: The table.
        files: How many live files were read, those of the log included.
        unproven: How many of them have no checksum, so that only their size and format could be compared.
        damages: What is wrong.
    """

    table: Table
    files: int
    unproven: int
    damages: tuple[Damage, ...]


def scrub_table(lake: Lake, table: Table) -> ScrubbedTable | None:
    """Reads the table's current version; None if the table does not exist.

    In a bucket, whose store compares checksums itself, data files are read and decoded.

    Raises:
        LakeError: the store does not answer.
    """
    log_damages = () if lake.is_s3 else tuple(_log_damages(lake, table))
    if log_damages:
        return ScrubbedTable(table, 0, 0, log_damages)
    try:
        stored = open_table(lake, table)
    except TableNotFoundError:
        return None
    except LakeError as error:
        if lake.is_s3:
            raise
        return ScrubbedTable(
            table, 0, 0, (Damage(table, str(log_folder(lake, table)), str(error), is_log=True),)
        )
    return _scrub_files(lake, table, stored)


def renew_checksums(lake: Lake, table: Table) -> None:
    """Drops the checksums of files that are gone, and records those of live files that have none.

    Only files that can be decoded get one, and only in a folder.

    Raises:
        LakeError: the table cannot be read.
        OSError: the disk is full.
    """
    if lake.is_s3:
        return
    root, recorded = Path(lake.root), recorded_checksums(lake, table)
    keep_checksums(lake, table, {path for path in recorded if (root / path).exists()})
    folder = f"{table.layer}/{table.name}"
    data = [f"{folder}/{path}" for path in live_data_files(open_table(lake, table))]
    store, _ = lake.file_system()
    sound = [path for path in data if path not in recorded and not _undecodable(store, str(root / path))]
    log = [path for path in _log_paths(lake, table) if path not in recorded]
    record_checksums(lake, table, [root / path for path in (*sound, *log)])


def live_data_files(stored: DeltaTable) -> dict[str, int]:
    """The size in bytes of each data file of the loaded version, by its path below the table's folder."""
    actions = arrow_table(stored.get_add_actions(flatten=True))
    paths, sizes = actions["path"].to_pylist(), actions["size_bytes"].to_pylist()
    return {unquote(path): size for path, size in zip(paths, sizes, strict=True)}


def _log_damages(lake: Lake, table: Table) -> Iterator[Damage]:
    folder = log_folder(lake, table)
    for fault in log_faults(folder):
        yield Damage(table, str(folder), fault, is_log=True)
    recorded = recorded_checksums(lake, table)
    for file in live_log_files(folder):
        wanted = recorded.get(str(file.relative_to(lake.root)))
        if wanted is not None and wanted != sha256_of(file):
            yield Damage(table, str(file), "differs from its checksum", is_log=True)


def _scrub_files(lake: Lake, table: Table, stored: DeltaTable) -> ScrubbedTable:
    recorded = {} if lake.is_s3 else recorded_checksums(lake, table)
    prefix = f"{table.layer}/{table.name}"
    live = {f"{prefix}/{path}": size for path, size in live_data_files(stored).items()}
    faults = {path: _fault(lake, path, size, recorded.get(path)) for path, size in live.items()}
    damages = tuple(Damage(table, path, fault) for path, fault in faults.items() if fault)
    log = (
        [] if lake.is_s3 else [str(f.relative_to(lake.root)) for f in live_log_files(log_folder(lake, table))]
    )
    unproven = 0 if lake.is_s3 else sum(path not in recorded for path in [*live, *log])
    return ScrubbedTable(table, len(live) + len(log), unproven, damages)


def _log_paths(lake: Lake, table: Table) -> list[str]:
    return [str(file.relative_to(lake.root)) for file in live_log_files(log_folder(lake, table))]


def _fault(lake: Lake, path: str, size: int, checksum: str | None) -> str | None:
    """What is wrong with a data file."""
    store, root = lake.file_system()
    info = store.get_file_info(f"{root}/{path}")
    if info.type != fs.FileType.File:
        return "is missing"
    if info.size != size:
        return f"has {info.size} bytes instead of {size}"
    if checksum is not None:
        return None if sha256_of(Path(lake.root) / path) == checksum else "differs from its checksum"
    return _undecodable(store, f"{root}/{path}")


def _undecodable(store: fs.FileSystem, path: str) -> str | None:
    """Why the file cannot be decoded; None if every page of it can."""
    try:
        with store.open_input_file(path) as source:
            for batch in pq.ParquetFile(source, page_checksum_verification=True).iter_batches(_BATCH_ROWS):
                batch.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        return f"cannot be decoded ({str(error).splitlines()[0][:200]})"
    return None
