"""A log entry that a power failure left empty, cut or lost is refused; Delta's readers would not notice."""

from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from delta_tables.storage.arrow_io import append_rows, read_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.table_log import log_folder, require_whole_log
from jobs.engine.table_io import read_table
from tests.builders.small_table import row, table_of

TABLE = table_of()

Damage = Callable[[Path], object]


def first_line(entry: Path) -> bytes:
    return entry.read_bytes().split(b"\n")[0]


DAMAGES: dict[str, tuple[Damage, str]] = {
    "emptied": (lambda entry: entry.write_bytes(b""), "is empty"),
    "cut in a line": (lambda entry: entry.write_bytes(entry.read_bytes()[:-40]), "is cut or damaged"),
    "cut between lines": (
        lambda entry: entry.write_bytes(entry.read_bytes().split(b"\n")[0]),
        "is cut: it names 0",
    ),
    "zeroed": (lambda entry: entry.write_bytes(bytes(entry.stat().st_size)), "is cut or damaged"),
    "of another kind": (lambda entry: entry.write_bytes(b"[]\n"), "does not hold Delta's actions"),
}


@pytest.fixture
def filled(lake: Lake) -> Lake:
    create_tables(lake, [TABLE])
    for number in range(3):
        append_rows(lake, TABLE, [row(f"S{number}", "1.5")])
    return lake


def entry_of(lake: Lake, version: int) -> Path:
    return log_folder(lake, TABLE) / f"{version:020}.json"


@pytest.mark.parametrize("version", [1, 3])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_named_with_a_remedy(filled: Lake, damage: str, version: int) -> None:
    act, sign = DAMAGES[damage]
    act(entry_of(filled, version))
    with pytest.raises(LakeError, match=sign) as caught:
        read_rows(filled, TABLE)
    message = str(caught.value)
    assert str(entry_of(filled, version)) in message
    assert "lakehouse repair" in message


@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_missing_entry_is_named(filled: Lake, version: int) -> None:
    entry_of(filled, version).unlink()
    with pytest.raises(LakeError, match=rf"entries \[{version}\] of the log"):
        read_rows(filled, TABLE)


def test_nothing_can_be_appended_behind_a_damaged_entry(filled: Lake) -> None:
    entry_of(filled, 3).write_bytes(b"")
    with pytest.raises(LakeError, match="is empty"):
        create_tables(filled, [TABLE])
    assert not entry_of(filled, 4).exists()


def test_an_engine_refuses_the_table_too(engine: SparkSession, filled: Lake) -> None:
    assert read_table(engine, filled, TABLE).count() == 3
    entry_of(filled, 3).write_bytes(b"")
    with pytest.raises(LakeError, match="is empty"):
        read_table(engine, filled, TABLE)


def test_what_a_checkpoint_replaces_need_not_be_whole(filled: Lake) -> None:
    DeltaTable(filled.uri(TABLE)).create_checkpoint()
    entry_of(filled, 2).write_bytes(b"")
    entry_of(filled, 1).unlink()
    require_whole_log(filled, TABLE)
    append_rows(filled, TABLE, [row("S4", "1.5")])
    assert read_rows(filled, TABLE).num_rows == 4


def test_an_entry_is_checked_again_after_it_changed(filled: Lake) -> None:
    require_whole_log(filled, TABLE)
    whole = entry_of(filled, 3).read_bytes()
    entry_of(filled, 3).write_bytes(whole[:-1] + b"x")
    with pytest.raises(LakeError):
        require_whole_log(filled, TABLE)
    entry_of(filled, 3).write_bytes(whole)
    require_whole_log(filled, TABLE)
