"""Several processes, killed and restarted at random, share a key with 25 calls per day and one per second.

A day passes when the test advances the clocks of both sides. Seconds pass five times as fast as real ones, so
that a day's 25 calls take six seconds; in one test they are as long as real ones.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import pytest

from flows.simulator.alphavantage.plans import PlanName
from flows.simulator.market.companies import load_companies
from flows.simulator.market.real_prices import load_histories
from flows.simulator.server import SimulatorServer
from flows.simulator.service import SimulatorConfig, SimulatorService
from tests.builders.quota_worker import KEY, SharedClock, WorkerTask, fetch_all, landed

ROOT = Path(__file__).resolve().parents[3]
FIRST_DAY = datetime(2010, 8, 16, 15, tzinfo=UTC)
NEXT_DAY = timedelta(hours=25)
SPEED = 5.0
TICK_SECONDS = 0.005
A_DAY = (25, 86_400.0)
A_SECOND = (1, 1.1)  # as the handler's plan has it
PROCESSES = 3
MAX_DAYS = 12


@contextmanager
def time_passes(clock: SharedClock, speed: float) -> Iterator[None]:
    """`speed` seconds of the clock pass per real second, fewer while it is held or the machine is busy."""
    ended = Event()

    def tick() -> None:
        while not ended.wait(TICK_SECONDS):
            clock.move(TICK_SECONDS * speed)

    thread = Thread(target=tick)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@dataclass
class RunningProvider:
    """A simulator of the free plan that runs on the clock in the folder, with a server for each client."""

    folder: Path
    service: SimulatorService = field(init=False)

    def __post_init__(self) -> None:
        clock = SharedClock(self.folder / "clock")
        clock.set(FIRST_DAY.timestamp())
        self.service = SimulatorService(
            SimulatorConfig(plan=PlanName.FREE, clock=FIRST_DAY), monotonic=clock.now
        )

    @contextmanager
    def server(self) -> Iterator[str]:
        """The server's address; at the end every call that came in has been counted."""
        server = SimulatorServer(self.service, 0)
        server.daemon_threads = False  # so that closing waits for them
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"{server.base}/query"
        finally:
            server.shutdown()
            server.server_close()

    def stats(self) -> dict[str, Any]:
        found: Any = self.service.stats()["keys"]
        (calls,) = found.values() or [{"calls": 0}]
        return dict(calls)

    def begin(self, day: datetime) -> None:
        """Starts another day for both sides."""
        self.service.clock.set(day)
        SharedClock(self.folder / "clock").set(day.timestamp())


def symbols(count: int) -> list[str]:
    return sorted(set(load_histories()) & set(load_companies()))[:count]


class Worker:
    """A running process, and the server that it requests."""

    def __init__(self, provider: RunningProvider, task: WorkerTask) -> None:
        self._server = provider.server()
        own = replace(task, url=self._server.__enter__())
        command = [sys.executable, "-m", "tests.builders.quota_worker", json.dumps(asdict(own))]
        self.process = subprocess.Popen(command, cwd=ROOT)

    def leave(self) -> None:
        """Closes the server of a process that has ended."""
        self._server.__exit__(None, None, None)

    def kill(self, clock: SharedClock) -> None:
        """Kills the process; no time passes until the call that it may have made has arrived."""
        with clock.held():
            self.process.kill()
            self.process.wait()
            self.leave()


def pass_a_day(provider: RunningProvider, task: WorkerTask, random: Random) -> int:
    """Keeps the processes running until each finds the quota used up; returns the number of killed ones.

    One is killed after every few calls: at any point of its work, and however long processes take to start.
    """
    clock, killed = task.clock, 0
    running = [Worker(provider, task) for _ in range(PROCESSES)]
    next_kill = provider.stats()["calls"] + random.randint(1, 5)
    while running:
        time.sleep(random.uniform(0.01, 0.1))
        for ended in [each for each in running if each.process.poll() is not None]:
            assert ended.process.returncode == 0
            ended.leave()
            running.remove(ended)
        calls = provider.stats()["calls"]
        if len(running) == PROCESSES and calls >= next_kill:
            running.pop(random.randrange(len(running))).kill(clock)
            killed += 1
            running.append(Worker(provider, task))
            next_kill = calls + random.randint(1, 5)
    return killed


@pytest.mark.system
def test_killed_processes_never_make_one_call_too_many_and_serve_all_in_order(tmp_path: Path) -> None:
    names, random, killed, calls = symbols(40), Random(4), 0, [0]
    provider, task = RunningProvider(tmp_path), WorkerTask("", str(tmp_path), names, [A_SECOND, A_DAY])
    with time_passes(task.clock, SPEED):
        while {symbol for symbol, _ in landed(task.landed_file)} != set(names):
            assert len(calls) <= MAX_DAYS
            provider.begin(FIRST_DAY + (len(calls) - 1) * NEXT_DAY)
            killed += pass_a_day(provider, task, random)
            calls.append(provider.stats()["calls"])
    seen = provider.stats()
    assert killed >= PROCESSES
    assert (seen["refused"], seen["busiest_second"], seen["busiest_day"] <= 25) == (0, 1, True)
    assert all(after - before <= 25 for before, after in pairwise(calls))
    firsts = list(dict.fromkeys(symbol for symbol, _ in landed(task.landed_file)))
    # A killed process' symbol comes back with the next one to start, which the others may overtake.
    assert max(abs(firsts.index(symbol) - names.index(symbol)) for symbol in names) <= 2 * PROCESSES


def test_one_process_serves_40_symbols_in_two_days_and_spends_the_rest_on_the_oldest(tmp_path: Path) -> None:
    names, provider = symbols(40), RunningProvider(tmp_path)
    with provider.server() as url:
        task = WorkerTask(url, str(tmp_path), names, [A_SECOND, A_DAY])
        with time_passes(task.clock, SPEED):
            for day in (FIRST_DAY, FIRST_DAY + NEXT_DAY):
                provider.begin(day)
                fetch_all(task)
    seen = provider.stats()
    assert [symbol for symbol, _ in landed(task.landed_file)] == [*names, *names[:10]]
    assert (seen["served"], seen["refused"], seen["busiest_day"]) == (50, 0, 25)


def test_at_the_speed_of_real_time_three_processes_make_one_call_a_second(tmp_path: Path) -> None:
    provider, task = RunningProvider(tmp_path), WorkerTask("", str(tmp_path), symbols(2), [A_SECOND, A_DAY])
    with time_passes(task.clock, 1.0):
        running = [Worker(provider, task) for _ in range(PROCESSES)]
        assert [each.process.wait(timeout=300) for each in running] == [0, 0, 0]
        for each in running:
            each.leave()
    seen = provider.stats()
    assert (seen["served"], seen["refused"], seen["busiest_second"]) == (6, 0, 1)
    assert KEY.encode() not in (tmp_path / "ledger.sqlite").read_bytes()
