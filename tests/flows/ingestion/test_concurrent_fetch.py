"""Fetches run beside each other, and an interrupted run neither starts more nor waits for them."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest

from delta_tables.storage import commits
from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables.bronze import DEAD_LETTERS, RAW_PAYLOADS
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import Query, RawPayload
from flows.handlers.stop_signal import StopSignal
from flows.ingestion.concurrent_fetch import ConcurrentFetch
from flows.ingestion.fetch_payloads import fetch_and_land
from flows.landing.payloads import append_payloads
from jobs.runs.progress import observed_by
from tests.builders.lakes import workspace

STUCK = """
import signal
import time
from threading import Event
from flows.ingestion.concurrent_fetch import ConcurrentFetch

signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored below a job in the background

def fetch(item):
    print("fetching", flush=True)
    time.sleep(600)

with ConcurrentFetch(fetch, lambda _: False, 3, Event()) as fetching:
    for _ in fetching.responses(range(9)):
        pass
"""


def never(_: object) -> bool:
    return False


def test_every_item_comes_with_its_response_and_at_most_so_many_are_fetched_at_once() -> None:
    in_progress: list[int] = []
    most = 0

    def fetch(item: int) -> int:
        nonlocal most
        in_progress.append(item)
        most = max(most, len(in_progress))
        time.sleep(0.002)
        in_progress.remove(item)
        return item * item

    with ConcurrentFetch(fetch, never, 3, Event()) as fetching:
        fetched = [pair for responses in fetching.responses(range(40)) for pair in responses]
    assert sorted(fetched) == [(item, item * item) for item in range(40)]
    assert 1 < most <= 3


def test_after_a_response_that_stops_all_nothing_more_is_fetched() -> None:
    started: list[int] = []

    def fetch(item: int) -> int:
        started.append(item)
        return item

    with ConcurrentFetch(fetch, lambda item: item == 2, 1, Event()) as fetching:
        fetched = [item for responses in fetching.responses(range(9)) for item, _ in responses]
    assert fetched == started == [0, 1, 2]


def test_an_unexpected_error_is_raised_after_what_was_received_before() -> None:
    def fetch(item: int) -> int:
        if item == 1:
            raise OSError("full")
        return item

    fetched: list[int] = []
    stop = Event()

    def run() -> None:
        with ConcurrentFetch(fetch, never, 1, stop) as fetching:
            for responses in fetching.responses(range(9)):
                fetched.extend(item for item, _ in responses)

    with pytest.raises(OSError, match="full"):
        run()
    assert fetched == [0]
    assert stop.is_set()


def test_an_interrupted_block_starts_nothing_more_and_keeps_what_had_come() -> None:
    started: list[int] = []
    stop, all_running = Event(), Event()

    def fetch(item: int) -> int:
        started.append(item)
        if len(started) == 4:
            all_running.set()
        if item:
            stop.wait(60)
        return item

    fetching = ConcurrentFetch(fetch, never, 3, stop)

    def run() -> None:
        with fetching:
            for _ in fetching.responses(range(50)):
                if all_running.is_set():
                    raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run()
    assert time.monotonic() - began < 10
    while len(kept := fetching.received(1.0)) and len(started) < 4:
        pass
    assert sorted(started) == [0, 1, 2, 3]
    assert {item for item, _ in kept} <= {1, 2, 3}


def test_an_interrupt_ends_a_process_whose_threads_are_in_the_middle_of_a_fetch() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STUCK],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout
        assert running.stdout.readline().startswith(b"fetching")
        running.send_signal(signal.SIGINT)
        _, error = running.communicate(timeout=30)
    assert b"KeyboardInterrupt" in error


@dataclass
class Handler:
    """Returns one payload per symbol; `LATE` waits for the stop signal, `REFUSED` is refused."""

    stop: StopSignal = field(default_factory=StopSignal)

    def fetch(self, query: Query) -> Iterator[RawPayload]:
        if query.symbol == "LATE":
            self.stop.sleep(60)
        if query.symbol == "REFUSED":
            raise ProviderError(ErrorClass.bad_symbol, "a symbol", "REFUSED")
        now = datetime(2026, 1, 1, tzinfo=UTC)
        body = query.symbol.encode()
        yield RawPayload(
            "test", "daily", query.symbol, "1day", "/q", 200, "text/plain", now, body, is_simulated=False
        )

    def close(self) -> None:
        pass


def test_what_was_received_before_an_interrupt_is_landed(lake: Lake) -> None:
    create_tables(lake, (RAW_PAYLOADS, DEAD_LETTERS))
    ctx: Any = workspace(lake)
    queries = [Query("daily", symbol) for symbol in ("A", "REFUSED", "B", "LATE", "LATE", "LATE")]

    def interrupt(_dataset: str, requested: int, _total: int) -> None:
        if requested >= 3:
            raise KeyboardInterrupt

    handler = Handler()
    with pytest.raises(KeyboardInterrupt), observed_by(interrupt):
        fetch_and_land(ctx, "test", handler, 2, queries)
    assert handler.stop.is_set()
    assert sorted(read_rows(lake, RAW_PAYLOADS)["symbol"].to_pylist()) == ["A", "B"]
    assert read_rows(lake, DEAD_LETTERS)["symbol"].to_pylist() == ["REFUSED"]


def test_an_interrupt_during_the_landing_lands_nothing_twice(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_tables(lake, (RAW_PAYLOADS, DEAD_LETTERS))
    ctx: Any = workspace(lake)

    def append_and_interrupt(*arguments: Any) -> None:
        append_payloads(*arguments)
        commits.interrupt()

    monkeypatch.setattr("flows.ingestion.fetch_payloads.append_payloads", append_and_interrupt)
    with pytest.raises(commits.Interrupted):
        fetch_and_land(ctx, "test", Handler(), 1, [Query("daily", "A"), Query("daily", "REFUSED")])
    assert read_rows(lake, RAW_PAYLOADS)["symbol"].to_pylist() == ["A"]
    assert read_rows(lake, DEAD_LETTERS)["symbol"].to_pylist() == ["REFUSED"]
