"""Several processes, killed and restarted at random, share a key of 25 calls a day and one a second.

Days pass by moving the clocks of both sides. Seconds pass 50 times as fast as real ones for both, so that
a day's 25 calls take four seconds; one test keeps real time.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import requests

from flows.simulator.companies import load_companies
from flows.simulator.plans import PlanName
from flows.simulator.prices import load_histories
from flows.simulator.server import SimulatorServer
from flows.simulator.service import Service, SimulatorConfig
from tests.flows.quota_worker import KEY, Shift, landed, work

ROOT = Path(__file__).resolve().parents[2]
FIRST_DAY = datetime(2010, 8, 16, 15, tzinfo=UTC)
NEXT_DAY = timedelta(hours=24, minutes=10)
SPEED = 50.0
A_DAY = (25, 86_400.0)
# The gate counts calls when they leave, the vendor when they arrive. At this speed a busy machine's delays
# are seconds, so the gate is stricter by them: 400 ms of real time, of which the simulator's second is 20.
A_SECOND = (1, 20.0)
PROCESSES = 3
MOST_DAYS = 8


@contextmanager
def simulator(speed: float) -> Iterator[str]:
    """A simulator of the free plan whose seconds pass at this speed; gives its address."""
    service = Service(
        SimulatorConfig(plan=PlanName.FREE, clock=FIRST_DAY), monotonic=lambda: time.monotonic() * speed
    )
    server = SimulatorServer(service, 0)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server.base
    server.shutdown()
    server.server_close()


def stats(base: str) -> dict[str, Any]:
    (calls,) = requests.get(f"{base}/_simulator/stats", timeout=10).json()["keys"].values()
    return dict(calls)


def symbols(count: int) -> list[str]:
    return sorted(set(load_histories()) & set(load_companies()))[:count]


def start(shift: Shift) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.flows.quota_worker", json.dumps(asdict(shift))], cwd=ROOT
    )


def begin(base: str, shift: Shift, day: datetime) -> Shift:
    """The shift on another day; the simulator's seconds do not jump with its days, so one is waited for."""
    time.sleep(A_SECOND[1] / SPEED)
    requests.post(f"{base}/_simulator/clock", data=json.dumps({"now": day.isoformat()}), timeout=10)
    return replace(shift, day=day.timestamp(), began=time.monotonic())


def pass_a_day(shift: Shift, random: Random) -> int:
    """Keeps the processes running until each finds the quota used up; the number that were killed."""
    running = [start(shift) for _ in range(PROCESSES)]
    killed = 0
    while running:
        time.sleep(random.uniform(0.2, 0.9))
        for ended in [each for each in running if each.poll() is not None]:
            assert ended.returncode == 0
            running.remove(ended)
        if running and len(running) == PROCESSES:
            unlucky = running.pop(random.randrange(len(running)))
            unlucky.kill()
            unlucky.wait()
            killed += 1
            running.append(start(shift))
    return killed


def test_killed_processes_never_make_one_call_too_many_and_serve_all_in_order(tmp_path: Path) -> None:
    wanted, random, killed, calls = symbols(40), Random(4), 0, [0]
    with simulator(SPEED) as base:
        shift = Shift(
            f"{base}/query", str(tmp_path), wanted, [A_SECOND, A_DAY], FIRST_DAY.timestamp(), 0, SPEED
        )
        while {symbol for symbol, _ in landed(shift.landed_file)} != set(wanted):
            assert len(calls) <= MOST_DAYS
            killed += pass_a_day(begin(base, shift, FIRST_DAY + (len(calls) - 1) * NEXT_DAY), random)
            calls.append(stats(base)["calls"])
        seen = stats(base)
    assert killed >= PROCESSES
    assert (seen["refused"], seen["busiest_second"], seen["busiest_day"] <= 25) == (0, 1, True)
    assert all(after - before <= 25 for before, after in pairwise(calls))
    firsts = list(dict.fromkeys(symbol for symbol, _ in landed(shift.landed_file)))
    # A killed process' symbol comes back with the next one to start, which the others may overtake.
    assert max(abs(firsts.index(symbol) - wanted.index(symbol)) for symbol in wanted) <= 2 * PROCESSES


def test_one_process_serves_40_symbols_in_two_days_and_spends_the_rest_on_the_oldest(tmp_path: Path) -> None:
    wanted = symbols(40)
    with simulator(SPEED) as base:
        shift = Shift(f"{base}/query", str(tmp_path), wanted, [A_SECOND, A_DAY], 0, 0, SPEED)
        for day in (FIRST_DAY, FIRST_DAY + NEXT_DAY):
            work(begin(base, shift, day))
        seen = stats(base)
    assert [symbol for symbol, _ in landed(shift.landed_file)] == [*wanted, *wanted[:10]]
    assert (seen["served"], seen["refused"], seen["busiest_day"]) == (50, 0, 25)


def test_in_real_time_three_processes_make_one_call_a_second(tmp_path: Path) -> None:
    with simulator(1.0) as base:
        now = time.time()
        shift = Shift(
            f"{base}/query", str(tmp_path), symbols(2), [(1, 1.3), A_DAY], now, time.monotonic(), 1.0
        )
        running = [start(shift) for _ in range(3)]
        assert [each.wait(timeout=60) for each in running] == [0, 0, 0]
        seen = stats(base)
    assert (seen["served"], seen["refused"], seen["busiest_second"]) == (6, 0, 1)
    assert KEY.encode() not in (tmp_path / "ledger.sqlite").read_bytes()
