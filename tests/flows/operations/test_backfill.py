"""A backfill does not request what has landed, and refuses an impossible range at once."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from delta_tables.tables.silver import BARS
from flows.operations.run_summary import RunSummary
from flows.simulator.alphavantage.plans import PlanName
from flows.simulator.server import Simulator
from jobs.runs.errors import PlanError
from tests.builders.installation import Installation, install
from tests.builders.lakes import hashes
from tests.builders.runs import run_backfill

pytestmark = pytest.mark.usefixtures("environment")

FIRST, LAST = date(2010, 8, 2), date(2010, 8, 13)


def run(here: Installation, *datasets: str) -> RunSummary:
    return run_backfill(here, FIRST, LAST, *(datasets or ("daily",)))


def calls(simulator: Simulator) -> int:
    counted = simulator.service.stats()["calls"]
    assert isinstance(counted, int)
    return counted


def test_a_repeated_backfill_requests_nothing_and_changes_nothing(
    simulator: Simulator, tmp_path: Path
) -> None:
    here = install(tmp_path, simulator.url, fx=("EURUSD",))
    assert not run(here, "daily", "intraday", "fx_daily").has_failures
    assert {row["interval"] for row in here.rows(BARS)} == {"1day", "5min"}
    requested, content = calls(simulator), hashes(here.lake)
    summary = run(here, "daily", "intraday", "fx_daily")
    assert calls(simulator) == requested == 3
    built = [stage for stage in summary.stages if stage.stage != "completeness"]  # it reads the clock
    assert {stage.status for stage in built} == {"nothing_new"}
    assert hashes(here.lake) == content


def test_a_free_key_gets_the_newest_sessions_and_requests_them_once(
    simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = simulate(plan=PlanName.FREE)
    here = install(tmp_path, simulator.url, plan="free")
    assert not run(here).has_failures
    assert len(here.rows(BARS)) == 100
    assert not run(here).has_failures
    assert calls(simulator) == 1


def test_a_range_that_ends_before_it_begins_is_refused_before_any_request(
    here: Installation, simulator: Simulator
) -> None:
    with pytest.raises(PlanError, match="begins on 2010-08-13 and ends on 2010-08-02"):
        run_backfill(here, date(2010, 8, 13), date(2010, 8, 2))
    assert calls(simulator) == 0
