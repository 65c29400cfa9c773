"""The error of every attempt can be recorded, not only the one that a query ended with."""

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
QUERY = Query("overview", "IBM")
NOW = datetime(2024, 3, 5, 12, 0, tzinfo=UTC)


@pytest.fixture
def make(tmp_path: Path, canary: str) -> Callable[..., AlphaVantage]:
    def of(url: str, recorded: list[FailedAttempt]) -> AlphaVantage:
        policy = HttpPolicy(attempts=3, connect_timeout_seconds=1.0)
        http = HttpClient(Redactor([canary]), policy, sleep=lambda _: None, on_retry=recorded.append)
        limiter = RateLimiter(tmp_path / "unused.sqlite", ())
        return AlphaVantage(http, limiter, canary, plan="unmetered", base_url=url, clock=lambda: NOW)

    return of


def test_bodies_of_failed_attempts_are_recorded_before_a_success(
    server: Any, make: Callable[..., AlphaVantage], canary: str
) -> None:
    server.will_answer(b"<h1>busy</h1>", status=503, Content_Type="text/html")
    server.will_answer(f"slow down, {canary}".encode(), status=429)
    server.will_answer(DATA)
    recorded: list[FailedAttempt] = []
    (payload,) = make(server.url, recorded).fetch(QUERY)
    assert payload.body == DATA
    assert [(each.dataset, each.symbol, each.interval) for each in recorded] == [
        ("overview", "IBM", None)
    ] * 2
    assert [each.error.error_class for each in recorded] == ["unavailable", "too_fast"]
    assert [(each.provider, each.error.attempt, each.at) for each in recorded] == [
        ("alphavantage", 1, NOW),
        ("alphavantage", 2, NOW),
    ]
    assert {each.request for each in recorded} == {"/query?apikey=REDACTED&function=OVERVIEW&symbol=IBM"}
    bodies = [each.error.payload.body for each in recorded if each.error.payload]
    assert bodies == [b"<h1>busy</h1>", b"slow down, REDACTED"]
    assert canary not in repr(recorded)


def test_the_last_error_is_raised_and_not_recorded_twice(
    server: Any, make: Callable[..., AlphaVantage]
) -> None:
    for number in range(3):
        server.will_answer(f"busy {number}".encode(), status=503)
    recorded: list[FailedAttempt] = []
    with pytest.raises(ProviderError) as raised:
        list(make(server.url, recorded).fetch(QUERY))
    bodies = [each.error.payload.body for each in recorded if each.error.payload]
    assert bodies == [b"busy 0", b"busy 1"]
    assert raised.value.payload is not None
    assert raised.value.payload.body == b"busy 2"
    assert raised.value.attempt == 3


def test_an_attempt_without_a_response_is_recorded_without_a_payload(
    make: Callable[..., AlphaVantage],
) -> None:
    recorded: list[FailedAttempt] = []
    with pytest.raises(ProviderError):
        list(make("http://127.0.0.1:9/query", recorded).fetch(QUERY))
    assert [each.error.payload for each in recorded] == [None, None]
    assert "no response from 127.0.0.1" in str(recorded[0].error)


def test_an_error_that_is_not_retried_is_only_raised(server: Any, make: Callable[..., AlphaVantage]) -> None:
    server.will_answer(b"{}")
    recorded: list[FailedAttempt] = []
    with pytest.raises(ProviderError):
        list(make(server.url, recorded).fetch(QUERY))
    assert recorded == []
