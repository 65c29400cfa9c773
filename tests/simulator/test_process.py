"""The simulator as a process: it serves the same bytes for the same seed, and it ends when it should."""

import logging
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from flows.simulator.alphavantage.plans import PlanName
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.process import SimulatorStartError, start_process
from flows.simulator.service import SimulatorConfig

QUERIES = [
    {"function": "TIME_SERIES_DAILY", "symbol": "AAPL", "outputsize": "full"},
    {"function": "TIME_SERIES_INTRADAY", "symbol": "AAPL", "interval": "5min", "outputsize": "full"},
    {"function": "OVERVIEW", "symbol": "AAPL"},
    {"function": "FX_DAILY", "from_symbol": "EUR", "to_symbol": "JPY"},
]


def test_another_process_serves_the_same_bytes_for_the_same_seed(simulate: Any, send_query: Any) -> None:
    faults = (Fault(FaultKind.DISORDER, rate=0.5), Fault(FaultKind.CORRECTIONS, rate=0.1))
    config: dict[str, Any] = {"clock": datetime(2010, 8, 17, 21, tzinfo=UTC), "faults": faults, "seed": 7}
    here = simulate(**config)
    with start_process(SimulatorConfig(**config)) as there:
        for query in QUERIES:
            assert send_query(here, **query).content == send_query(there, **query).content


def test_another_seed_changes_generated_bytes_but_not_real_ones(simulate: Any, send_query: Any) -> None:
    one, two = simulate(seed=1), simulate(seed=2)

    is_same = [send_query(one, **query).content == send_query(two, **query).content for query in QUERIES]

    assert is_same == [True, False, False, False]


def test_a_process_ends_with_its_context() -> None:
    with start_process(SimulatorConfig(plan=PlanName.FREE)) as simulator:
        assert requests.get(f"{simulator.base}/_simulator/health", timeout=60).json() == {"status": "ok"}

    with pytest.raises(requests.ConnectionError):
        requests.get(f"{simulator.base}/_simulator/health", timeout=1)


def test_a_process_ends_when_its_parent_is_killed() -> None:
    script = (
        "import os; from flows.simulator.process import start_process;"
        "from flows.simulator.service import SimulatorConfig;"
        "print(start_process(SimulatorConfig()).pid, flush=True); os.kill(os.getpid(), 9)"
    )
    command, root = [sys.executable, "-c", script], Path(__file__).parents[2]
    starter = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, timeout=300, check=False)
    pid = int(starter.stdout)

    deadline = time.monotonic() + 60
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as file:
            return file.read().split()[2] != "Z"
    except OSError:
        return False


def test_a_taken_port_is_reported(simulate: Any, capfd: pytest.CaptureFixture[str]) -> None:
    port = int(simulate().base.rsplit(":", 1)[1])

    with pytest.raises(SimulatorStartError):
        start_process(SimulatorConfig(port=port))

    assert f"cannot start on port {port}" in capfd.readouterr().err


def test_the_log_never_contains_the_key(
    simulate: Any, send_query: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="flows.simulator"):
        send_query(simulate(), function="OVERVIEW", symbol="IBM", apikey="canary-key")

    assert "/query" in caplog.text
    assert "canary-key" not in caplog.text


def test_only_loopback_accepts_connections(simulate: Any) -> None:
    simulator = simulate()

    assert simulator.url == f"{simulator.base}/query"
    assert simulator._server.server_address[0] == "127.0.0.1"
    assert requests.get(f"{simulator.base}/other", timeout=60).status_code == 404
