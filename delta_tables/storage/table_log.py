"""The log of a table in a folder: its entries, and whether each of them is whole.

Delta's readers take an empty entry, or one cut between two lines, for a commit that changed nothing or less:
rows disappear and nothing says so. A bucket stores an entry whole or not at all, so only folders are checked.
"""

import json
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from delta_tables.storage.lake import Lake, LakeError, Named

_ENTRY = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint.*\.parquet")
_COUNTS = ("num_added_files", "numAddedFiles")  # of delta-rs and of Sail, among a commit's metrics
_REMEDY = (
    "A power failure or a full disk may have cut it. Restore the table's folder from a backup, or run "
    "`lakehouse repair`, which sets the table aside and builds it again from Bronze. Nothing was changed."
)


def log_folder(lake: Lake, table: Named) -> Path:
    """The folder of the table's log; only for a lake in a folder."""
    return Path(lake.root) / table.layer / table.name / "_delta_log"


def log_files(folder: Path) -> set[str]:
    """The names of all files in a log; empty where there is none."""
    try:
        return {entry.name for entry in os.scandir(folder)}
    except (FileNotFoundError, NotADirectoryError):  # opening the table says what is wrong
        return set()


def require_whole_log(lake: Lake, table: Named) -> None:
    """Checks each entry of the table's log that no checkpoint replaces.

    Raises:
        LakeError: an entry is empty, cut or missing.
    """
    if lake.is_s3:
        return
    folder = log_folder(lake, table)
    if fault := next(log_faults(folder), None):
        raise LakeError(f"{table.layer}.{table.name}: {fault}. {_REMEDY}")


def log_faults(folder: Path) -> Iterator[str]:
    """What is wrong with the log in this folder: a sentence for each entry that is empty, cut or missing."""
    names = log_files(folder)
    checkpoint = max((int(found[1]) for name in names if (found := _CHECKPOINT.fullmatch(name))), default=-1)
    versions = sorted(int(found[1]) for name in names if (found := _ENTRY.fullmatch(name)))
    later = [version for version in versions if version > checkpoint]
    if missing := set(range(checkpoint + 1, max(later, default=checkpoint) + 1)) - set(later):
        yield f"entries {sorted(missing)} of the log {folder} are missing"
    for version in later:
        entry = folder / f"{version:020}.json"
        if fault := _entry_fault(entry):
            yield f"the log entry {entry} {fault}"


def live_log_files(folder: Path) -> list[Path]:
    """The newest checkpoint and the entries after it: what a reader of the current version needs, sorted."""
    names = log_files(folder)
    checkpoints = {name: int(found[1]) for name in names if (found := _CHECKPOINT.fullmatch(name))}
    newest = max(checkpoints.values(), default=-1)
    entries = [name for name in names if (found := _ENTRY.fullmatch(name)) and int(found[1]) > newest]
    return sorted(folder / name for name in (*entries, *(c for c, at in checkpoints.items() if at == newest)))


def _entry_fault(entry: Path) -> str | None:
    try:
        info = entry.stat()
    except FileNotFoundError:  # removed meanwhile by the clean-up of a log
        return None
    return _fault_of(entry, info.st_size, info.st_mtime_ns)


@lru_cache(maxsize=16_384)
def _fault_of(entry: Path, size: int, _modified_ns: int) -> str | None:
    """What is wrong with an entry; one that has not changed since is not read again."""
    if size == 0:
        return "is empty"
    lines = [line for line in entry.read_bytes().split(b"\n") if line.strip()]
    try:
        actions = [json.loads(line) for line in lines]
    except ValueError:
        return f"is cut or damaged ({size} bytes, not all of them JSON)"
    if not all(isinstance(action, dict) for action in actions):
        return "does not hold Delta's actions"
    return _missing_files(actions)


def _missing_files(actions: list[dict[str, object]]) -> str | None:
    """What is wrong if fewer files are added than the entry itself counts (delta-rs and Sail count them)."""
    stated = next((_stated_files(action["commitInfo"]) for action in actions if "commitInfo" in action), None)
    added = sum("add" in action or "cdc" in action for action in actions)  # delta-rs counts both
    if stated is None or added >= stated:
        return None
    return f"is cut: it names {added} of {stated} added files"


def _stated_files(commit_info: object) -> int | None:
    metrics = commit_info.get("operationMetrics") if isinstance(commit_info, dict) else None
    if not isinstance(metrics, dict):
        return None
    return next((metrics[name] for name in _COUNTS if isinstance(metrics.get(name), int)), None)
