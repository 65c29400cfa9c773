"""What commits cost, read from a table's Delta log: files and rows written and removed, and where."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake
from delta_tables.table import Table


@dataclass(frozen=True)
class Commit:
    """One commit; rows are those in the files, which a change of one row writes anew."""

    table: str
    version: int
    files_before: int
    rows_before: int
    files_added: int
    files_removed: int
    rows_added: int
    rows_removed: int
    partitions: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.table} version {self.version}: {self.files_removed} of {self.files_before} files with "
            f"{self.rows_removed:,} of {self.rows_before:,} rows removed, {self.files_added} with "
            f"{self.rows_added:,} added, in {', '.join(self.partitions) or 'the whole table'}"
        )


def versions(lake: Lake, tables: Sequence[Table]) -> dict[Table, int]:
    """The version at which each table is."""
    return {table: open_table(lake, table).version() for table in tables}


def commits_since(lake: Lake, before: dict[Table, int]) -> list[Commit]:
    """The commits made after the versions given that added or removed files, table by table.

    Of a lake in a local folder whose log is whole from the first version on, as that of a new lake is.
    """
    return [commit for table, version in before.items() for commit in _commits(lake, table) if
            commit.version > version and (commit.files_added or commit.files_removed)]  # fmt: skip


def _commits(lake: Lake, table: Table) -> Iterator[Commit]:
    rows_of: dict[str, int] = {}
    for version, actions in enumerate(_log(lake, table)):
        added = {each["path"]: _row_count(each) for each in _of_kind(actions, "add")}
        removed = {each["path"]: rows_of[each["path"]] for each in _of_kind(actions, "remove")}
        partitions = {path.rpartition("/")[0] for path in (*added, *removed)} - {""}
        yield Commit(
            *(table.full_name, version, len(rows_of), sum(rows_of.values())),
            *(len(added), len(removed), sum(added.values()), sum(removed.values())),
            partitions=tuple(sorted(partitions)),
        )
        rows_of = {path: rows for path, rows in rows_of.items() if path not in removed} | added


def _log(lake: Lake, table: Table) -> Iterator[list[dict[str, Any]]]:
    for file in sorted((Path(lake.uri(table)) / "_delta_log").glob("*.json")):
        yield [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _of_kind(actions: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [action[kind] for action in actions if kind in action]


def _row_count(added: dict[str, Any]) -> int:
    return int(json.loads(added["stats"])["numRecords"])
