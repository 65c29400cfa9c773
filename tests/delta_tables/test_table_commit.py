"""What a commit wrote is on the disk when it has ended: the data, then the log, then the folders."""

import json
from pathlib import Path

import pytest

from delta_tables.storage import table_commit
from delta_tables.storage.arrow_io import append_rows, upsert_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.table_commit import drain_written_tables
from delta_tables.storage.table_log import log_folder
from delta_tables.table import Table
from tests.builders.small_table import row, table_of

TABLE = table_of()
PARTITIONED = table_of(name="by_symbol", partition_by=("symbol",))


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths that are synced, in their order."""
    paths: list[Path] = []
    real = table_commit.sync

    def sync(path: Path) -> None:
        real(path)
        paths.append(path)

    monkeypatch.setattr(table_commit, "sync", sync)
    return paths


def newest_entry(lake: Lake, table: Table) -> Path:
    return max(log_folder(lake, table).glob("*.json"))


def added_files(entry: Path) -> set[Path]:
    actions = map(json.loads, entry.read_text(encoding="utf-8").splitlines())
    return {entry.parent.parent / action["add"]["path"] for action in actions if "add" in action}


@pytest.mark.parametrize("table", [TABLE, PARTITIONED], ids=lambda table: table.name)
def test_data_comes_before_the_log_and_the_folders_come_last(
    lake: Lake, synced: list[Path], table: Table
) -> None:
    create_tables(lake, [table])
    assert newest_entry(lake, table) in synced
    synced.clear()
    append_rows(lake, table, [row("A", "1.5"), row("B", "2.5")])
    entry = newest_entry(lake, table)
    files = added_files(entry)
    assert files
    last_file = max(map(synced.index, files))
    folders = {Path(lake.root), entry.parent, *(file.parent for file in files)}
    assert last_file < synced.index(entry) < min(map(synced.index, folders))


def test_a_commit_syncs_only_what_it_added(lake: Lake, synced: list[Path]) -> None:
    create_tables(lake, [TABLE])
    append_rows(lake, TABLE, [row("A", "1.5")])
    old = added_files(newest_entry(lake, TABLE))
    synced.clear()
    upsert_rows(lake, TABLE, [row("B", "1.5")])
    assert newest_entry(lake, TABLE) in synced
    assert not old & set(synced)


def test_a_disk_that_cannot_sync_is_an_error(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    create_tables(lake, [TABLE])

    def broken(_path: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(table_commit, "sync", broken)
    with pytest.raises(LakeError, match="Input/output error"):
        append_rows(lake, TABLE, [row("A", "1.5")])


def test_the_tables_that_were_written_are_known_once(lake: Lake) -> None:
    create_tables(lake, [TABLE, PARTITIONED])
    drain_written_tables(lake)
    append_rows(lake, TABLE, [row("A", "1.5")])
    assert drain_written_tables(lake) == {TABLE}
    assert drain_written_tables(lake) == set()
