"""Every attempt's error can be kept, not only the one that a query ended with."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.handlers.alphavantage.handler import AlphaVantage
from flows.handlers.errors import ProviderError
from flows.handlers.models import Query
from flows.handlers.rate_limit.limiter import RateLimiter
from flows.handlers.transport.http_client import HttpClient
from flows.handlers.transport.redaction import Redactor
from flows.handlers.transport.retry import FailedAttempt, HttpPolicy

DATA = b'{"Symbol": "IBM"}'
ASK = Query("overview", "IBM")
NOW = datetime(2024, 3, 5, 12, 0, tzinfo=UTC)


@pytest.fixture
def make(tmp_path: Path, canary: str) -> Callable[..., AlphaVantage]:
    def of(url: str, told: list[FailedAttempt]) -> AlphaVantage:
        policy = HttpPolicy(attempts=3, connect_timeout_seconds=1.0)
        http = HttpClient(Redactor([canary]), policy, sleep=lambda _: None, on_retry=told.append)
        limiter = RateLimiter(tmp_path / "unused.sqlite", ())
        return AlphaVantage(http, limiter, canary, plan="unmetered", base_url=url, clock=lambda: NOW)

    return of


def test_bodies_of_failed_attempts_are_handed_out_before_a_success(
    server: Any, make: Callable[..., AlphaVantage], canary: str
) -> None:
    server.will_answer(b"<h1>busy</h1>", status=503, Content_Type="text/html")
    server.will_answer(f"slow down, {canary}".encode(), status=429)
    server.will_answer(DATA)
    told: list[FailedAttempt] = []
    (payload,) = make(server.url, told).fetch(ASK)
    assert payload.body == DATA
    assert [(each.dataset, each.symbol, each.interval) for each in told] == [("overview", "IBM", None)] * 2
    assert [each.error.error_class for each in told] == ["unavailable", "too_fast"]
    assert [(each.provider, each.error.attempt, each.at) for each in told] == [
        ("alphavantage", 1, NOW),
        ("alphavantage", 2, NOW),
    ]
    assert {each.request for each in told} == {"/query?apikey=REDACTED&function=OVERVIEW&symbol=IBM"}
    bodies = [each.error.payload.body for each in told if each.error.payload]
    assert bodies == [b"<h1>busy</h1>", b"slow down, REDACTED"]
    assert canary not in repr(told)


def test_the_last_error_is_raised_and_not_told_twice(server: Any, make: Callable[..., AlphaVantage]) -> None:
    for number in range(3):
        server.will_answer(f"busy {number}".encode(), status=503)
    told: list[FailedAttempt] = []
    with pytest.raises(ProviderError) as raised:
        list(make(server.url, told).fetch(ASK))
    bodies = [each.error.payload.body for each in told if each.error.payload]
    assert bodies == [b"busy 0", b"busy 1"]
    assert raised.value.payload is not None
    assert raised.value.payload.body == b"busy 2"
    assert raised.value.attempt == 3


def test_an_attempt_without_an_answer_is_told_without_a_record(make: Callable[..., AlphaVantage]) -> None:
    told: list[FailedAttempt] = []
    with pytest.raises(ProviderError):
        list(make("http://127.0.0.1:9/query", told).fetch(ASK))
    assert [each.error.payload for each in told] == [None, None]
    assert "no response from 127.0.0.1" in str(told[0].error)


def test_an_error_that_is_not_asked_again_is_only_raised(
    server: Any, make: Callable[..., AlphaVantage]
) -> None:
    server.will_answer(b"{}")
    told: list[FailedAttempt] = []
    with pytest.raises(ProviderError):
        list(make(server.url, told).fetch(ASK))
    assert told == []
