"""A commit to one table: an interrupt waits for its end, a power failure after it loses nothing of it."""

import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

from delta_tables.storage.checksums import record_checksums
from delta_tables.storage.commits import commit
from delta_tables.storage.lake import Lake
from delta_tables.storage.table_log import log_files, log_folder
from delta_tables.table import Table

_LOCK = threading.Lock()
_WRITTEN: dict[str, set[Table]] = {}  # the tables that this process has written, by the lake's root


@contextmanager
def table_commit(lake: Lake, table: Table) -> Iterator[None]:
    """Commits to the table inside the block; after it, what was committed is on the disk.

    Neither delta-rs nor the engines sync what they write: they rename a file, and a power failure some
    seconds later can leave it empty. A bucket answers only when it has stored an object.

    Raises:
        Interrupted: Ctrl-C was pressed during the commit.
        OSError: the files could not be synced.
    """
    before = set() if lake.is_s3 else log_files(log_folder(lake, table))
    with commit():
        yield
        with _LOCK:
            _WRITTEN.setdefault(lake.root, set()).add(table)
        if not lake.is_s3:
            record_checksums(lake, table, _sync_new_entries(log_folder(lake, table), before))


def drain_written_tables(lake: Lake) -> set[Table]:
    """The tables of this lake that this process has written since the last call."""
    with _LOCK:
        return _WRITTEN.pop(lake.root, set())


def _sync_new_entries(log: Path, before: set[str]) -> list[Path]:
    """Syncs the log's new files and the data files that they add: data first, the folders last.

    Returns what was synced and is still there.
    """
    new = [log / name for name in sorted(log_files(log) - before)]
    added = {log.parent / path for entry in new if entry.suffix == ".json" for path in _added_paths(entry)}
    synced = []
    for path in (*sorted(added), *new):
        with suppress(FileNotFoundError):  # already removed again by another process' clean-up
            sync(path)
            synced.append(path)
    sync_folders({path.parent for path in synced}, log.parent.parent.parent)
    return synced


def _added_paths(entry: Path) -> Iterator[str]:
    with suppress(FileNotFoundError):
        for line in entry.read_bytes().splitlines():
            action = json.loads(line) if line.strip() else {}
            for kind in ("add", "cdc"):
                if kind in action:
                    yield unquote(action[kind]["path"])


def sync_folders(folders: Iterable[Path], root: Path) -> None:
    """Syncs the names in these folders and in those above them up to `root`, the deepest first.

    Raises:
        OSError: the disk is broken.
    """
    above = {each for folder in folders for each in (folder, *folder.parents) if each.is_relative_to(root)}
    for folder in sorted(above, key=lambda folder: (-len(folder.parts), folder)):
        sync(folder)


def sync(path: Path) -> None:
    """Writes a file's bytes, or a folder's names, to the disk.

    Raises:
        OSError: the disk is full or broken, or there is no such file.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
