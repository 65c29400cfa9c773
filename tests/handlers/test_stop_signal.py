"""A stopped fetch ends at once wherever it pauses, makes no further call, and is not a failure."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from flows.handlers import alphavantage, bse, coingecko, massive, yahoo
from flows.handlers.errors import FetchStoppedError, ProviderError
from flows.handlers.models import Query, RateLimit
from flows.handlers.rate_limit.limiter import RateLimiter
from flows.handlers.stop_signal import StopSignal
from flows.handlers.transport.retry import FailedAttempt, HttpPolicy

DATA = b'{"Symbol": "IBM"}'
QUERY = Query("overview", "IBM")
STOP_AFTER_SECONDS = 0.2
PAUSE_SECONDS = 30.0
MAX_SECONDS = 2.0  # a tenth of a second on a quiet machine

Make = Callable[..., alphavantage.AlphaVantage]


@pytest.fixture
def make(tmp_path: Path, canary: str) -> Iterator[Make]:
    with ExitStack() as stack:

        def made(url: str, plan: str = "unmetered", **fields: Any) -> alphavantage.AlphaVantage:
            handler = alphavantage.connect(canary, tmp_path, plan=plan, base_url=url, **fields)
            return stack.enter_context(closing(handler))

        yield made


def seconds_until_stopped(stop: StopSignal, fetch: Callable[[], object]) -> float:
    """How long a fetch goes on after it was stopped."""
    timer = Timer(STOP_AFTER_SECONDS, stop.set)
    timer.start()
    began = time.monotonic()
    with pytest.raises(FetchStoppedError):
        fetch()
    timer.join()
    return time.monotonic() - began - STOP_AFTER_SECONDS


def test_a_pause_for_the_rate_limit_ends(tmp_path: Path) -> None:
    stop = StopSignal()
    limiter = RateLimiter(tmp_path / "calls.sqlite", [RateLimit(1, PAUSE_SECONDS)], stop=stop)
    limiter.acquire("provider")

    assert seconds_until_stopped(stop, lambda: limiter.acquire("provider")) < MAX_SECONDS


def test_a_pause_before_a_retry_ends(server: Any, make: Make) -> None:
    server.will_answer(b"", status=503, Retry_After=str(PAUSE_SECONDS).removesuffix(".0"))
    attempts: list[FailedAttempt] = []
    handler = make(server.url, on_retry=attempts.append)

    assert seconds_until_stopped(handler.stop, lambda: list(handler.fetch(QUERY))) < MAX_SECONDS
    assert len(server.paths) == len(attempts) == 1


def test_a_body_that_drips_in_ends(server: Any, make: Make) -> None:
    def drip(to: BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.send_header("Content-Length", "1000")
        to.end_headers()
        try:
            for _ in range(1000):
                to.wfile.write(b" ")
                time.sleep(0.01)
        except OSError:
            return

    server.answers.append(drip)
    handler = make(server.url, policy=HttpPolicy(attempts=1))

    assert seconds_until_stopped(handler.stop, lambda: list(handler.fetch(QUERY))) < MAX_SECONDS


def test_no_call_is_made_or_counted_after_the_stop(server: Any, make: Make) -> None:
    server.will_answer(DATA)
    handler = make(server.url, "free")
    remaining = [limit.calls for limit in handler.limiter.remaining()]
    handler.stop.set()

    with pytest.raises(FetchStoppedError):
        list(handler.fetch(QUERY))

    assert server.paths == []
    assert [limit.calls for limit in handler.limiter.remaining()] == remaining


def test_a_stop_is_not_a_failure_of_the_provider() -> None:
    assert not issubclass(FetchStoppedError, ProviderError | OSError | ValueError)


def test_handlers_can_share_one_signal(tmp_path: Path, canary: str) -> None:
    stop = StopSignal()
    with (
        closing(alphavantage.connect(canary, tmp_path, stop=stop)) as first,
        closing(coingecko.connect(canary, tmp_path, stop=stop)) as second,
        closing(yahoo.connect(tmp_path, stop=stop)) as third,
        closing(bse.connect(tmp_path, stop=stop)) as fourth,
        massive.connect(canary, canary, stop=stop) as files,
    ):
        assert {first.stop, second.stop, third.stop, fourth.stop, files.stop} == {stop}
        assert {first.limiter.stop, second.limiter.stop, third.limiter.stop, fourth.limiter.stop} == {stop}
