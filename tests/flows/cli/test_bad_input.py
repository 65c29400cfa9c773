"""Bad input and damage: one line that says what is wrong, an exit code, and an unchanged lake."""

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from delta_tables.tables.bronze import DEAD_LETTERS
from flows.simulator.server import Simulator
from tests.builders.command_line import Cli, Ended
from tests.builders.installation import Installation, install, run_python
from tests.builders.lakes import hashes

pytestmark = pytest.mark.usefixtures("environment")

READERS = [
    ["sql", "select * from gold.signals"],
    ["bars", "AAPL"],
    ["check"],
    ["explain", "gold.daily_kpis", "symbol=AAPL", "trade_dt=2010-08-20"],
    ["status"],
]


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port on which nothing listens; it stays bound, so that no other process can listen on it."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield int(unused.getsockname()[1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lake = 'lake'\n[watch_list\n", "not TOML"),
        ("[signals]\npe_ratio_treshold = 3\n", "did you mean `signals.pe_ratio_threshold`?"),
        ("[signals]\npe_ratio_threshold = 'dear'\n", "signals.pe_ratio_threshold"),
        ("simulated_now = 2010-08-20T22:30:00\n", "an instant needs its zone"),
        ("alphavantage_api_key = 'k'\n", "looks like a secret"),
    ],
)
@pytest.mark.parametrize("command", ["status", "run", "check"])
def test_an_unusable_config_is_explained_in_one_line(
    cli: Cli, tmp_path: Path, text: str, said: str, command: str
) -> None:
    (tmp_path / "bad.toml").write_text(text)
    ended = cli("--config", "bad.toml", command)
    assert ended.code == (3 if command == "check" else 2)
    assert said in ended.line
    assert [file.name for file in tmp_path.iterdir()] == ["bad.toml"]


@pytest.mark.parametrize("command", READERS, ids=lambda command: command[0])
def test_a_missing_lake_is_named_and_not_created(cli: Cli, here: Installation, command: list[str]) -> None:
    ended = cli("--config", here.config, *command)
    assert ended.code == (3 if command == ["check"] else 2)
    assert command == ["bars", "AAPL"] or "lakehouse run" in ended.line
    assert not Path(here.lake.root).exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["check", "silver_barz"], "no dataset 'silver_barz'"),
        (["sql", "select * from gold.nothing"], "gold.nothing"),
        (["sql", "drop table gold.signals"], "drop"),
        (["explain", "gold.nothing", "x"], "gold.nothing"),
        (["bars", "NOSUCH"], "NOSUCH"),
        (["bars", "../x"], "../x"),
        (["backfill", "--from", "2010-08-13", "--to", "2010-08-02"], "the range is empty"),
        (["backfill", "--from", "2010-08-02", "--to", "2010-08-13", "--dataset", "trades"], "no history of"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else None,
)
def test_a_name_or_range_that_does_not_exist_is_refused(
    cli: Cli, full: Installation, command: list[str], said: str
) -> None:
    before = hashes(full.lake)
    ended = cli("--config", full.config, *command)
    assert ended.code >= 2
    assert said in ended.line.lower() or said in ended.line
    assert hashes(full.lake) == before


@pytest.mark.parametrize(
    "symbol",
    ["../x", "A' OR '1'='1", 'A"; DROP TABLE bars', "A" * 10_000, "", "--"],
    ids=lambda text: text[:9],
)
def test_a_hostile_symbol_ends_as_a_dead_letter_and_is_not_requested(
    cli: Cli, full: Installation, simulator: Simulator, symbol: str
) -> None:
    before = hashes(full.lake)
    asked = ("--from=2010-08-02", "--to=2010-08-13", "--dataset=daily", f"--symbol={symbol}")
    ended = cli("--config", full.config, "--json", "backfill", *asked)
    assert (ended.code, ended.error) == (1, "")
    failures = json.loads(ended.out)["failures"]
    assert [each["error_class"] for each in failures] == ["bad_symbol"]
    assert len(ended.out) < 3000
    assert [len(row["symbol"]) <= 100 for row in full.rows(DEAD_LETTERS)] == [True]
    assert simulator.service.stats()["calls"] == 0
    assert hashes(full.lake) == before
    assert not Path(full.folder.parent, "x").exists()


def corrupt_log(table: Path) -> Path:
    """Writes garbage into the newest commit."""
    newest = max((table / "_delta_log").glob("*.json"))
    newest.write_text('{"add": not json')
    return newest


def remove_data(table: Path) -> Path:
    """Deletes a data file."""
    found = next(table.rglob("*.parquet"))
    found.unlink()
    return found


@pytest.mark.parametrize("damage", [corrupt_log, remove_data])
@pytest.mark.parametrize("table", ["silver/bars", "bronze/raw_payloads"])
def test_a_damaged_table_is_named_and_no_other_table_is_touched(
    cli: Cli, full: Installation, filled: Path, damage: Callable[[Path], Path], table: str
) -> None:
    before = hashes(full.lake)
    damaged = damage(Path(full.lake.root) / table)
    name = table.split("/")[1]
    commands = [["run"], ["build"]]
    if table == "silver/bars":
        commands += [["bars", "AAPL"], ["sql", "select * from silver.bars"], ["check", "silver_bars"]]
    for command in commands:
        ended = cli("--config", full.config, *command)
        said = ended.out if command[0] == "check" and not ended.error else ended.line
        assert ended.code >= 2, ended
        assert name in said or "lakehouse doctor" in said
        assert len(ended.error) < 1000
    shutil.copy(filled / damaged.relative_to(full.lake.root), damaged)
    assert hashes(full.lake) == before


def test_a_provider_that_cannot_be_reached_leaves_the_lake_as_it_is(
    cli: Cli, full: Installation, unused_port: int
) -> None:
    before = hashes(full.lake)
    here = install(full.folder, f"http://127.0.0.1:{unused_port}/query", attempts=1)
    ended = cli("--config", here.config, "run")
    assert (ended.code, ended.error) == (1, "")
    assert "unavailable: expected alphavantage daily data for AAPL" in ended.out
    assert {row["error_class"] for row in here.rows(DEAD_LETTERS)} == {"unavailable"}
    assert hashes(here.lake) == before


def test_a_run_without_a_key_is_one_line_on_a_real_terminal_too(full: Installation) -> None:
    before = hashes(full.lake)
    command = ["-m", "flows.cli.entry_point", "--config", full.config, "run"]
    process = run_python(command, full, {"ALPHAVANTAGE_API_KEY": ""})
    out, error = process.communicate(timeout=300)
    assert (process.returncode, out) == (2, "")
    assert "ALPHAVANTAGE_API_KEY is not set" in Ended(2, out, error).line
    assert hashes(full.lake) == before
