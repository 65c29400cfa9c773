"""Late sessions are recorded as late, then as missing, are requested again, and heal."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import LakeError
from delta_tables.tables import bronze, ops
from flows.completeness import check
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.server import Simulator
from tests.builders.command_line import Cli
from tests.builders.installation import Installation, install
from tests.builders.runs import run_latest

pytestmark = pytest.mark.usefixtures("environment")

THURSDAY, WEDNESDAY, FRIDAY = date(2010, 8, 12), date(2010, 8, 11), date(2010, 8, 13)
THURSDAY_EVENING = datetime.fromisoformat("2010-08-12T23:30:00+00:00")
FRIDAY_NOON = datetime.fromisoformat("2010-08-13T16:00:00+00:00")
FRIDAY_NIGHT = datetime.fromisoformat("2010-08-14T01:00:00+00:00")
LATE_BAR = Fault(FaultKind.LATE_BARS, symbols=("IBM",), functions=("TIME_SERIES_DAILY",), seconds=864_000)
LATE_FILES = Fault(FaultKind.LATE_BARS, functions=("bhavcopy",), seconds=30 * 3600)


@pytest.fixture
def bombay_too(simulate: Callable[..., Simulator], tmp_path: Path) -> tuple[Installation, Simulator]:
    """Two stocks, and Bombay's files, of which an ordinary run requests only the newest."""
    simulator = simulate(clock=THURSDAY_EVENING)
    here = install(
        tmp_path, simulator.url, stocks=("AAPL", "IBM"), plan="premium", datasets=["daily", "overview"]
    )
    with (tmp_path / "lakehouse.toml").open("a") as file:
        file.write(f'[providers.bse]\nbase_url = "{simulator.base}/bse"\ndatasets = ["bhavcopy"]\n')
        file.write("latest_days = 1\ncalls_per_minute = 600\nattempts = 1\n")
        file.write("[completeness]\nlookback_sessions = 3\n")
    return here, simulator


def run_at(
    here: Installation, simulator: Simulator, now: datetime, patch: pytest.MonkeyPatch
) -> dict[tuple[str, str, date], dict[str, Any]]:
    """The rows of ops.completeness after a run with both clocks at `now`."""
    simulator.service.clock.set(now)
    patch.setattr("jobs.runs.clock.market_clock", lambda _simulated_now: lambda: now)
    run_latest(here)
    return states(here)


def states(here: Installation) -> dict[tuple[str, str, date], dict[str, Any]]:
    rows = here.rows(ops.COMPLETENESS)
    found = {(row["dataset"], row["symbol"], row["trade_dt"]): row for row in rows}
    assert len(found) == len(rows), "one row a key"
    return found


def test_late_sessions_become_late_then_missing_are_requested_again_and_heal(
    bombay_too: tuple[Installation, Simulator], environment: pytest.MonkeyPatch, cli: Cli
) -> None:
    here, simulator = bombay_too
    simulator.service.set_faults((LATE_BAR, LATE_FILES))
    first = run_at(here, simulator, THURSDAY_EVENING, environment)
    assert {key: row["state"] for key, row in first.items() if key[2] >= WEDNESDAY} == {
        ("daily", "AAPL", WEDNESDAY): "backfilled",
        ("daily", "AAPL", THURSDAY): "on_time",
        ("daily", "IBM", WEDNESDAY): "backfilled",
        ("daily", "IBM", THURSDAY): "late",
        ("bhavcopy", "ALL", WEDNESDAY): "missing",
        ("bhavcopy", "ALL", THURSDAY): "late",
    }
    assert (first["daily", "IBM", THURSDAY]["bars"], first["daily", "IBM", THURSDAY]["expected_bars"]) == (
        0,
        1,
    )

    second = run_at(here, simulator, FRIDAY_NOON, environment)
    assert second["daily", "IBM", THURSDAY]["state"] == "missing"
    assert second["bhavcopy", "ALL", THURSDAY]["state"] == "missing"
    assert second["bhavcopy", "ALL", FRIDAY]["state"] == "late"
    healed = second["bhavcopy", "ALL", WEDNESDAY]
    assert (healed["state"], healed["arrived_at"]) == ("healed", FRIDAY_NOON)
    assert ("daily", "AAPL", FRIDAY) not in second, "New York is open: nothing is expected yet"
    told = json.loads(cli("--config", here.config, "--json", "status").out)
    absent = {(row["dataset"], row["symbol"], row["trade_dt"], row["state"]) for row in told["absent"]}
    assert absent == {
        ("daily", "IBM", "2010-08-12", "missing"),
        ("bhavcopy", "ALL", "2010-08-12", "missing"),
        ("bhavcopy", "ALL", "2010-08-10", "missing"),  # beyond the look-back: listed, but not requested again
        ("bhavcopy", "ALL", "2010-08-13", "late"),
    }
    page = here.folder / "report.html"
    cli("--config", here.config, "report")
    assert "3 missing" in page.read_text()

    simulator.service.set_faults((LATE_FILES,))
    third = run_at(here, simulator, FRIDAY_NIGHT, environment)
    for key in (("daily", "IBM", THURSDAY), ("bhavcopy", "ALL", THURSDAY)):
        row = third[key]
        assert (row["state"], row["arrived_at"]) == ("healed", FRIDAY_NIGHT)
        assert (row["late_seen_at"], row["missing_seen_at"]) == (THURSDAY_EVENING, FRIDAY_NOON)
    assert third["bhavcopy", "ALL", FRIDAY]["state"] == "late"
    assert third["daily", "IBM", FRIDAY]["state"] == "on_time"

    files = [row["request"] for row in here.rows(bronze.RAW_PAYLOADS, "provider = 'bse'")]
    assert len(files) == len(set(files)), "what has landed is not requested again"
    version = open_table(here.lake, ops.COMPLETENESS).version()
    run_at(here, simulator, FRIDAY_NIGHT + timedelta(minutes=1), environment)
    assert open_table(here.lake, ops.COMPLETENESS).version() == version, "nothing changed, nothing written"


def test_a_check_that_fails_is_recorded_and_ends_no_run(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LakeError("ops.completeness: the disk is gone")

    monkeypatch.setattr(check, "changed_rows", fail)
    summary = run_latest(here)
    assert not summary.has_failures
    (stage,) = (each for each in summary.stages if each.stage == "completeness")
    assert (stage.status, stage.detail) == ("failed", "LakeError: ops.completeness: the disk is gone")
    (row,) = here.rows(ops.RUNS, "stage = 'completeness'")
    assert (row["status"], row["detail"]) == (stage.status, stage.detail)
