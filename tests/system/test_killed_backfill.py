"""A backfill continues where it was killed."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from delta_tables.tables.bronze import RAW_PAYLOADS
from delta_tables.tables.silver import BARS
from flows.operations.run_summary import RunSummary
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.server import Simulator
from tests.builders.installation import Installation, install, run_python
from tests.builders.lakes import hashes
from tests.builders.runs import run_backfill
from tests.system import killed_backfill
from tests.system.killed_backfill import DATASETS, FIRST, LAST

STOCKS = ("AAPL", "IBM", "KO", "XOM", "JPM", "WMT")
ANSWERED = 4
_PATIENCE_SECONDS = 300


def run(here: Installation) -> RunSummary:
    return run_backfill(here, FIRST, LAST, *DATASETS)


def calls(simulator: Simulator) -> int:
    counted = simulator.service.stats()["calls"]
    assert isinstance(counted, int)
    return counted


def kill_while_it_waits(here: Installation, simulator: Simulator) -> None:
    """Runs a backfill whose fifth request is never answered, and kills it there with SIGKILL."""
    silence = Fault(FaultKind.TIMEOUT, symbols=STOCKS[ANSWERED:], seconds=600)
    simulator.service.set_faults((silence,))
    process = run_python([killed_backfill.__file__, here.config], here, {})
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while calls(simulator) <= ANSWERED and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    _, complaints = process.communicate()
    assert process.returncode == -signal.SIGKILL, complaints[-2000:]
    simulator.service.set_faults(())


@pytest.mark.usefixtures("still_clock")
def test_a_killed_backfill_requests_only_what_is_missing_and_ends_in_the_undisturbed_lake(
    simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = simulate()
    here = install(tmp_path / "killed", simulator.url, stocks=STOCKS, threads=1, timeout_seconds=500)
    kill_while_it_waits(here, simulator)
    assert {row["symbol"] for row in here.rows(RAW_PAYLOADS)} == set(STOCKS[:ANSWERED])
    assert here.rows(BARS) == []

    before = calls(simulator)
    assert not run(here).has_failures
    assert calls(simulator) - before == len(STOCKS) - ANSWERED

    clean = install(tmp_path / "clean", simulator.url, stocks=STOCKS)
    assert not run(clean).has_failures
    assert hashes(here.lake) == hashes(clean.lake)
