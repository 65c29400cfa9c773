"""Several processes, killed and restarted at random, share a key of 25 calls a day and one a second.

Days pass by moving the clocks of both sides. Seconds pass five times as fast as real ones for both, so that
a day's 25 calls take six seconds; in one test they are as long as real ones.
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

from flows.simulator.alphavantage.plans import PlanName
from flows.simulator.market.companies import load_companies
from flows.simulator.market.real_prices import load_histories
from flows.simulator.server import SimulatorServer
from flows.simulator.service import SimulatorConfig, SimulatorService
from tests.builders.quota_worker import KEY, SharedClock, Shift, ctx, landed

ROOT = Path(__file__).resolve().parents[3]
FIRST_DAY = datetime(2010, 8, 16, 15, tzinfo=UTC)
NEXT_DAY = timedelta(hours=25)
SPEED = 5.0
TICK_SECONDS = 0.005
A_DAY = (25, 86_400.0)
A_SECOND = (1, 1.1)  # as the handler's plan has it
PROCESSES = 3
MOST_DAYS = 12


@contextmanager
def time_passes(clock: SharedClock, speed: float) -> Iterator[None]:
    """So many seconds of the clock pass in a real one, or fewer where it is held or the machine is busy."""
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
class Vendor:
    """A simulator of the free plan that goes by the clock in the folder, with a door for each who asks."""

    folder: Path
    service: SimulatorService = field(init=False)

    def __post_init__(self) -> None:
        clock = SharedClock(self.folder / "clock")
        clock.set(FIRST_DAY.timestamp())
        self.service = SimulatorService(
            SimulatorConfig(plan=PlanName.FREE, clock=FIRST_DAY), monotonic=clock.now
        )

    @contextmanager
    def door(self) -> Iterator[str]:
        """Its address; at the end every call that has come in has been counted."""
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
        """Another day begins for both sides."""
        self.service.clock.set(day)
        SharedClock(self.folder / "clock").set(day.timestamp())


def symbols(count: int) -> list[str]:
    return sorted(set(load_histories()) & set(load_companies()))[:count]


class Worker:
    """A process at work, and the door through which it asks."""

    def __init__(self, vendor: Vendor, shift: Shift) -> None:
        self._door = vendor.door()
        own = replace(shift, url=self._door.__enter__())
        command = [sys.executable, "-m", "tests.builders.quota_worker", json.dumps(asdict(own))]
        self.process = subprocess.Popen(command, cwd=ROOT)

    def leave(self) -> None:
        """Shuts the door behind the process that has ended."""
        self._door.__exit__(None, None, None)

    def kill(self, clock: SharedClock) -> None:
        """Kills the process; no time passes until the call that it may have made has arrived."""
        with clock.held():
            self.process.kill()
            self.process.wait()
            self.leave()


def pass_a_day(vendor: Vendor, shift: Shift, random: Random) -> int:
    """Keeps the processes running until each finds the quota used up; the number that were killed.

    One is killed after every few calls: at any point of its work, and however long processes take to start.
    """
    clock, killed = shift.clock, 0
    running = [Worker(vendor, shift) for _ in range(PROCESSES)]
    next_kill = vendor.stats()["calls"] + random.randint(1, 5)
    while running:
        time.sleep(random.uniform(0.01, 0.1))
        for ended in [each for each in running if each.process.poll() is not None]:
            assert ended.process.returncode == 0
            ended.leave()
            running.remove(ended)
        calls = vendor.stats()["calls"]
        if len(running) == PROCESSES and calls >= next_kill:
            running.pop(random.randrange(len(running))).kill(clock)
            killed += 1
            running.append(Worker(vendor, shift))
            next_kill = calls + random.randint(1, 5)
    return killed


def test_killed_processes_never_make_one_call_too_many_and_serve_all_in_order(tmp_path: Path) -> None:
    wanted, random, killed, calls = symbols(40), Random(4), 0, [0]
    vendor, shift = Vendor(tmp_path), Shift("", str(tmp_path), wanted, [A_SECOND, A_DAY])
    with time_passes(shift.clock, SPEED):
        while {symbol for symbol, _ in landed(shift.landed_file)} != set(wanted):
            assert len(calls) <= MOST_DAYS
            vendor.begin(FIRST_DAY + (len(calls) - 1) * NEXT_DAY)
            killed += pass_a_day(vendor, shift, random)
            calls.append(vendor.stats()["calls"])
    seen = vendor.stats()
    assert killed >= PROCESSES
    assert (seen["refused"], seen["busiest_second"], seen["busiest_day"] <= 25) == (0, 1, True)
    assert all(after - before <= 25 for before, after in pairwise(calls))
    firsts = list(dict.fromkeys(symbol for symbol, _ in landed(shift.landed_file)))
    # A killed process' symbol comes back with the next one to start, which the others may overtake.
    assert max(abs(firsts.index(symbol) - wanted.index(symbol)) for symbol in wanted) <= 2 * PROCESSES


def test_one_process_serves_40_symbols_in_two_days_and_spends_the_rest_on_the_oldest(tmp_path: Path) -> None:
    wanted, vendor = symbols(40), Vendor(tmp_path)
    with vendor.door() as url:
        shift = Shift(url, str(tmp_path), wanted, [A_SECOND, A_DAY])
        with time_passes(shift.clock, SPEED):
            for day in (FIRST_DAY, FIRST_DAY + NEXT_DAY):
                vendor.begin(day)
                ctx(shift)
    seen = vendor.stats()
    assert [symbol for symbol, _ in landed(shift.landed_file)] == [*wanted, *wanted[:10]]
    assert (seen["served"], seen["refused"], seen["busiest_day"]) == (50, 0, 25)


def test_at_the_speed_of_real_time_three_processes_make_one_call_a_second(tmp_path: Path) -> None:
    vendor, shift = Vendor(tmp_path), Shift("", str(tmp_path), symbols(2), [A_SECOND, A_DAY])
    with time_passes(shift.clock, 1.0):
        running = [Worker(vendor, shift) for _ in range(PROCESSES)]
        assert [each.process.wait(timeout=300) for each in running] == [0, 0, 0]
        for each in running:
            each.leave()
    seen = vendor.stats()
    assert (seen["served"], seen["refused"], seen["busiest_second"]) == (6, 0, 1)
    assert KEY.encode() not in (tmp_path / "ledger.sqlite").read_bytes()
