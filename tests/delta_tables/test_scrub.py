"""A scrub finds whatever has changed in a table's live files since they were written."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from delta_tables.integrity.scrub import Damage, scrub_table
from delta_tables.storage.arrow_io import append_rows, upsert_rows
from delta_tables.storage.checksums import keep_checksums, recorded_checksums
from delta_tables.storage.create_tables import create_tables, open_table
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from tests.builders.small_table import row, table_of

TABLE = table_of(partition_by=("symbol",))
FLIPS = 40


@pytest.fixture
def filled(lake: Lake) -> Lake:
    create_tables(lake, [TABLE])
    append_rows(lake, TABLE, [row("A", "1.5"), row("B b", "2.5")])
    append_rows(lake, TABLE, [row("C", "3.5")])
    return lake


def damages(lake: Lake, table: Table = TABLE) -> tuple[Damage, ...]:
    found = scrub_table(lake, table)
    assert found is not None
    return found.damages


def live_files(lake: Lake) -> list[Path]:
    folder = Path(lake.root) / TABLE.layer / TABLE.name
    return sorted(folder.rglob("*.parquet"))


def flip(file: Path, number: int) -> None:
    content = bytearray(file.read_bytes())
    chance = random.Random(number)
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


def test_a_sound_table_has_no_damage_and_every_file_has_a_checksum(filled: Lake) -> None:
    found = scrub_table(filled, TABLE)
    assert found is not None
    assert (found.damages, found.unproven, found.files) == ((), 0, 3 + 3)
    assert scrub_table(filled, table_of(name="absent")) is None


@pytest.mark.parametrize("number", range(FLIPS))
def test_one_flipped_bit_anywhere_in_a_live_file_is_found(filled: Lake, number: int) -> None:
    log = sorted((Path(filled.root) / TABLE.layer / TABLE.name / "_delta_log").glob("*.json"))
    files = [*live_files(filled), *log]
    victim = files[number % len(files)]
    flip(victim, number)
    found = damages(filled)
    assert found
    assert all(victim.name in str(damage) for damage in found)


def test_a_missing_and_a_longer_file_are_found(filled: Lake) -> None:
    missing, longer, _ = live_files(filled)
    missing.unlink()
    with longer.open("ab") as file:
        file.write(b"more")
    faults = {Path(damage.path).name: damage.fault for damage in damages(filled)}
    assert faults[missing.name] == "is missing"
    assert faults[longer.name].startswith(f"has {longer.stat().st_size} bytes instead of")


def test_without_a_checksum_a_file_is_decoded_and_counted_as_unproven(filled: Lake) -> None:
    keep_checksums(filled, TABLE, set())
    found = scrub_table(filled, TABLE)
    assert found is not None
    assert (found.damages, found.unproven) == ((), 6)
    victim = live_files(filled)[0]
    content = victim.read_bytes()
    victim.write_bytes(content[:4] + bytes(len(content) - 8) + content[-4:])
    (damage,) = damages(filled)
    assert "cannot be decoded" in damage.fault


def test_files_that_are_not_live_any_more_do_not_count(filled: Lake) -> None:
    upsert_rows(filled, TABLE, [row("A", "9.5")])
    live = {Path(uri).name for uri in open_table(filled, TABLE).file_uris()}
    for file in live_files(filled):
        if file.name not in live:
            file.unlink()
    assert damages(filled) == ()


def test_sha256sum_can_compare_the_files(filled: Lake) -> None:
    command = ["sha256sum", "--check", "--strict", f"_checksums/{TABLE.full_name}.sha256"]
    done = subprocess.run(command, cwd=filled.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    flip(live_files(filled)[0], 1)
    assert subprocess.run(command, cwd=filled.root, capture_output=True, check=False).returncode == 1


def test_only_the_checksums_of_wanted_files_are_kept(filled: Lake) -> None:
    path = next(iter(recorded_checksums(filled, TABLE)))
    before = recorded_checksums(filled, TABLE)[path]
    keep_checksums(filled, TABLE, {path})
    assert recorded_checksums(filled, TABLE) == {path: before}
    assert not [name for name in os.listdir(f"{filled.root}/_checksums") if name.endswith(".tmp")]
