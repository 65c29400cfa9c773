"""The flow `backfill`: shows its progress, and goes on where it was killed."""

import signal
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from delta_tables.tables.bronze import RAW_PAYLOADS
from delta_tables.tables.silver import BARS
from flows.backfill import backfill
from jobs.runs.errors import PlanError
from flows.simulator.alphavantage.plans import PlanName
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.server import Simulator
from tests.flows import killed_backfill
from tests.flows.installation import Installation, install, run_python
from tests.flows.killed_backfill import DATASETS, FIRST, LAST
from tests.flows.prefect_server import PrefectServer
from tests.lakes import hashes

pytestmark = pytest.mark.usefixtures("environment")

STOCKS = ("AAPL", "IBM", "KO", "XOM", "JPM", "WMT")
ANSWERED = 4
_PATIENCE_SECONDS = 300


def run(here: Installation, datasets: list[str] = DATASETS) -> Any:
    """The state in which the flow ends."""
    return backfill(FIRST, LAST, datasets, config_file=here.config, return_state=True)


def calls(simulator: Simulator) -> int:
    counted = simulator.service.stats()["calls"]
    assert isinstance(counted, int)
    return counted


def kill_while_it_waits(here: Installation, simulator: Simulator, server: PrefectServer) -> None:
    """Runs a backfill whose fifth question is never answered, and kills it there with SIGKILL."""
    silence = Fault(FaultKind.TIMEOUT, symbols=STOCKS[ANSWERED:], seconds=600)
    simulator.service.set_faults((silence,))
    environ = {"PREFECT_API_URL": server.api_url, "PREFECT_HOME": str(here.folder / "prefect")}
    process = run_python([killed_backfill.__file__, here.config], here, environ)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while calls(simulator) <= ANSWERED and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    _, complaints = process.communicate()
    assert process.returncode == -signal.SIGKILL, complaints[-2000:]
    simulator.service.set_faults(())


@pytest.mark.usefixtures("still_clock")
def test_a_killed_backfill_asks_only_what_is_missing_and_ends_in_the_undisturbed_lake(
    prefect_server: PrefectServer, simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = simulate()
    here = install(tmp_path / "killed", simulator.url, stocks=STOCKS, threads=1, timeout_seconds=500)
    kill_while_it_waits(here, simulator, prefect_server)
    assert {row["symbol"] for row in here.rows(RAW_PAYLOADS)} == set(STOCKS[:ANSWERED])
    assert here.rows(BARS) == []

    before = calls(simulator)
    assert run(here).name == "Completed"
    assert calls(simulator) - before == len(STOCKS) - ANSWERED

    clean = install(tmp_path / "clean", simulator.url, stocks=STOCKS)
    assert run(clean).name == "Completed"
    assert hashes(here.lake) == hashes(clean.lake)


def test_a_backfill_shows_its_progress_and_a_repeat_asks_nothing(
    prefect_server: PrefectServer, simulator: Simulator, tmp_path: Path
) -> None:
    here = install(tmp_path, simulator.url, fx=("EURUSD",))
    state = run(here, ["daily", "intraday", "fx_daily"])
    artifact = prefect_server.artifacts(state.state_details.flow_run_id)["backfill-progress"]
    assert (artifact["type"], artifact["data"]) == ("progress", 100.0)
    assert {row["interval"] for row in here.rows(BARS)} == {"1day", "5min"}
    asked, content = calls(simulator), hashes(here.lake)
    summary = run(here, ["daily", "intraday", "fx_daily"]).result()
    assert calls(simulator) == asked == 3
    built = [stage for stage in summary.stages if stage.stage != "completeness"]  # which looks at the clock
    assert {stage.status for stage in built} == {"nothing_new"}
    assert hashes(here.lake) == content


@pytest.mark.usefixtures("prefect_server")
def test_a_free_key_gets_the_newest_sessions_and_is_not_asked_twice(
    simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = simulate(plan=PlanName.FREE)
    here = install(tmp_path, simulator.url, plan="free")
    assert run(here).name == "Completed"
    assert len(here.rows(BARS)) == 100
    assert run(here).name == "Completed"
    assert calls(simulator) == 1


@pytest.mark.usefixtures("prefect_server")
def test_a_range_that_ends_before_it_begins_is_refused_before_any_question(
    here: Installation, simulator: Simulator
) -> None:
    with pytest.raises(PlanError, match="begins on 2010-08-13 and ends on 2010-08-02"):
        backfill(date(2010, 8, 13), date(2010, 8, 2), config_file=here.config)
    assert calls(simulator) == 0
