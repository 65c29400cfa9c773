"""A count of calls that was lost is made up from what Bronze shows."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from delta_tables.storage.arrow_io import append_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables.bronze import DEAD_LETTERS
from flows.ingestion.past_calls import past_calls
from flows.simulator.server import Simulator
from tests.builders.installation import install
from tests.builders.lakes import land_rows
from tests.builders.payloads import DAYS, T0, at, bar, daily, payload
from tests.builders.runs import run_latest

BARS = {DAYS[0]: bar()}


def dead_letter(hours: float, status: int, error_class: str) -> dict[str, object]:
    row = payload(dataset="daily", symbol="X", body=b"", status=status, fetched_at=at(hours))
    row.pop("body_fetched_at")
    return {**row, "error_class": error_class, "error": "", "attempt": 1, "outcome": None}


def test_answers_and_failed_attempts_are_calls_and_refusals_of_our_own_are_not(lake: Lake) -> None:
    create_tables(lake)
    land_rows(lake, [daily("A", BARS, at(1)), daily("B", BARS, at(2)), daily("OLD", BARS, at(-9))])
    letters = [
        dead_letter(3, 503, "unavailable"),
        dead_letter(4, 0, "unavailable"),
        dead_letter(5, 0, "quota_exhausted"),
    ]
    append_rows(lake, DEAD_LETTERS, letters)
    assert past_calls(lake, "alphavantage", T0) == [at(1), at(2), at(3), at(4)]
    assert past_calls(lake, "yahoo", T0) == []


def test_a_run_whose_count_was_lost_knows_the_calls_of_the_runs_before(
    environment: pytest.MonkeyPatch, simulator: Simulator, tmp_path: Path
) -> None:
    here = install(tmp_path, simulator.url, stocks=("AAPL", "IBM"), plan="free")
    config = Path(here.config)
    real_time = [line for line in config.read_text().splitlines() if not line.startswith("simulated_now")]
    config.write_text("\n".join(real_time) + "\n")
    assert not run_latest(here).failures
    folder = tmp_path / "state" / "rate_limits"
    made = counted(folder)
    assert made > 0
    for file in folder.iterdir():
        file.unlink()
    asked: list[datetime] = []

    def recorded(lake: Lake, provider: str, since: datetime) -> list[datetime]:
        asked.append(since)
        return past_calls(lake, provider, since)

    environment.setattr("flows.operations.ingest.past_calls", recorded)
    run_latest(here)
    assert made < counted(folder) == simulator.service.stats()["calls"]
    assert asked[0] < datetime.now(UTC) - timedelta(hours=23)


def counted(folder: Path) -> int:
    (file,) = folder.glob("alphavantage-*.sqlite")
    with sqlite3.connect(file) as connection:
        return int(connection.execute("SELECT count(*) FROM rate_bucket").fetchone()[0])
