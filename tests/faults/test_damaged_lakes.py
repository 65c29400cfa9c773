"""Flipped bits, lost files and torn logs: found by `doctor --deep`, refused by runs, mended by `repair`."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from delta_tables.integrity.scrub import live_data_files
from delta_tables.storage.create_tables import open_table
from delta_tables.table import Table
from delta_tables.tables.bronze import RAW_PAYLOADS
from delta_tables.tables.gold import DAILY_KPIS
from delta_tables.tables.ops import RUNS
from delta_tables.tables.silver import BARS, QUARANTINE
from jobs.pipelines.scrub import scrub
from tests.builders.command_line import Cli
from tests.builders.installation import Installation
from tests.builders.lakes import hashes, rows_that_differ

FLIPS_PER_TABLE = 24
Record = Callable[[str, object], None]


def folder_of(here: Installation, table: Table) -> Path:
    return Path(here.lake.root) / table.layer / table.name


def newest_entry(here: Installation, table: Table) -> Path:
    return max((folder_of(here, table) / "_delta_log").glob("*.json"))


def data_files(here: Installation, table: Table) -> list[Path]:
    live = live_data_files(open_table(here.lake, table))
    return [folder_of(here, table) / path for path in sorted(live)]


def empty_newest_entry(here: Installation, table: Table) -> None:
    newest_entry(here, table).write_bytes(b"")


def cut_newest_entry(here: Installation, table: Table) -> None:
    entry = newest_entry(here, table)
    entry.write_bytes(entry.read_bytes()[: entry.stat().st_size // 2])


def lose_newest_entry(here: Installation, table: Table) -> None:
    entry = newest_entry(here, table)
    entry.unlink()
    entry.with_suffix(".crc").unlink(missing_ok=True)


def lose_first_entry(here: Installation, table: Table) -> None:
    min((folder_of(here, table) / "_delta_log").glob("*.json")).unlink()


def lose_a_data_file(here: Installation, table: Table) -> None:
    data_files(here, table)[0].unlink()


def flip_a_bit(here: Installation, table: Table) -> None:
    flip(data_files(here, table)[0], random.Random(7))


def flip(file: Path, chance: random.Random) -> None:
    content = bytearray(file.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


def test_flipped_bits(full: Installation, record_property: Record) -> None:
    """As many flips as the trial made, each in a copy of a live file of its own."""
    chance, found = random.Random(5), 0
    for table in (RAW_PAYLOADS, BARS, DAILY_KPIS):
        for _ in range(FLIPS_PER_TABLE):
            victim = chance.choice(data_files(full, table))
            content = victim.read_bytes()
            flip(victim, chance)
            found += victim.name in " ".join(map(str, scrub(full.lake).damages))
            victim.write_bytes(content)
    assert scrub(full.lake).damages == []
    record_property("happened", f"doctor --deep found {found} of {3 * FLIPS_PER_TABLE}")
    assert found == 3 * FLIPS_PER_TABLE


DAMAGES = [
    (empty_newest_entry, BARS, True),
    (cut_newest_entry, DAILY_KPIS, True),
    (lose_newest_entry, BARS, True),
    (lose_first_entry, BARS, True),
    (lose_a_data_file, BARS, False),
    (flip_a_bit, DAILY_KPIS, False),
    (empty_newest_entry, RAW_PAYLOADS, True),
    (lose_newest_entry, RAW_PAYLOADS, True),
    (cut_newest_entry, RUNS, True),
    (empty_newest_entry, QUARANTINE, True),
]


@pytest.mark.parametrize(
    ("damage", "table", "is_refused"),
    [
        pytest.param(*each, id=f"{each[0].__name__} of {each[1].full_name}".replace("_", " "))
        for each in DAMAGES
    ],
)
def test_repair_after(
    full: Installation,
    cli: Cli,
    filled: Path,
    record_property: Record,
    damage: Callable[[Installation, Table], None],
    table: Table,
    *,
    is_refused: bool,
) -> None:
    clean, runs = hashes(full.lake), len(full.rows(RUNS))
    damage(full, table)

    deep = cli("--config", full.config, "doctor", "--deep")
    assert deep.code == 2
    assert table.full_name in deep.out
    if is_refused:
        built = cli("--config", full.config, "build")
        assert built.code == 2
        assert table.full_name in built.line
        assert "lakehouse repair" in built.line
    if is_refused and damage is not lose_newest_entry:  # that is seen by who compares with ops.runs: a run
        read = cli("--config", full.config, "sql", f"select count(*) from {table.full_name}")
        assert (read.code, table.full_name in read.line) == (2, True)

    repaired = cli("--config", full.config, "repair")
    assert repaired.code == 0, repaired.error
    assert table.full_name in repaired.out
    assert hashes(full.lake) == clean, rows_that_differ(full.lake, type(full.lake)(str(filled)))
    assert len(full.rows(RUNS)) > runs - 1
    assert cli("--config", full.config, "doctor", "--deep").code == 0
    assert cli("--config", full.config, "build").code == 0
    assert hashes(full.lake) == clean
    shutil.rmtree(Path(full.lake.root) / "_damaged")
    refused = "refused by build, " if is_refused else ""
    record_property("happened", f"named by doctor --deep, {refused}repaired; {len(clean)} hashes are equal")


def test_a_damaged_file_of_bronze(full: Installation, cli: Cli, record_property: Record) -> None:
    """Nothing can replace it: it is named and stays, until its owner accepts the loss."""
    before = len(full.rows(RAW_PAYLOADS))
    flip_a_bit(full, RAW_PAYLOADS)
    kept = cli("--config", full.config, "repair")
    assert kept.code == 2
    assert "restore them from a backup" in kept.out
    assert not (Path(full.lake.root) / "_damaged").exists()

    accepted = cli("--config", full.config, "repair", RAW_PAYLOADS.full_name)
    assert accepted.code == 0, accepted.error
    left = len(full.rows(RAW_PAYLOADS))
    assert 0 < left < before or (left == 0 and before == 1)
    assert cli("--config", full.config, "doctor", "--deep").code == 0
    record_property(
        "happened",
        f"repair refused it; by name it left out {before - left} of {before} payloads, and said so",
    )
