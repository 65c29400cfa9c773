"""Every attempt without data is one dead letter, with the outcome of its query."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from config.secrets import Secrets
from config.settings import Settings
from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables.bronze import DEAD_LETTERS, RAW_PAYLOADS
from flows.handlers.models import Query
from flows.handlers.transport.retry import HttpPolicy
from flows.ingestion.failed_attempts import FailedAttempts
from flows.ingestion.fetch_payloads import fetch_and_land
from flows.ingestion.fetch_result import FetchResult
from flows.ingestion.landed_requests import last_fetched_at
from flows.ingestion.registry import PAYLOAD_SOURCES
from flows.landing.payloads import append_dead_letters
from jobs.runs.run_context import RunContext
from serving.monitor.status import dead_letter_counts

NOW = datetime(2024, 3, 5, 12, 0, tzinfo=UTC)
DATA = b'{"Symbol": "IBM"}'
QUERY = Query("overview", "IBM")
DAY = date(2024, 1, 15)
OF_EACH = {
    "alphavantage": QUERY,
    "yahoo": Query("daily", "IBM"),
    "coingecko": Query("ohlc", "BTC-USD"),
    "bse": Query("bhavcopy", "ALL", start=DAY, end=DAY),
}


@pytest.fixture(autouse=True)
def _nobody_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = replace(HttpPolicy(), backoff_seconds=0.0)
    monkeypatch.setattr(
        "flows.ingestion.http_policy.HttpPolicy",
        lambda **fields: replace(quick, attempts=fields["attempts"], pool_size=fields["pool_size"]),
    )


@pytest.fixture
def ctx(server: Any, lake: Lake, tmp_path: Path, canary: str) -> RunContext:
    create_tables(lake, (RAW_PAYLOADS, DEAD_LETTERS))
    common = {"base_url": server.url, "attempts": 3}
    providers: dict[str, Any] = {name: dict(common) for name in OF_EACH}
    providers["alphavantage"] |= {"plan": "unmetered"}
    settings = Settings.model_validate({"state_dir": tmp_path / "state", "providers": providers})
    secrets = Secrets.model_validate({"alphavantage_api_key": canary})
    return RunContext(settings, secrets, lake, lambda: NOW, "a-run")


def fetch(ctx: RunContext, *queries: Query, provider: str = "alphavantage", threads: int = 1) -> FetchResult:
    attempts = FailedAttempts()
    handler = PAYLOAD_SOURCES[provider].connect(ctx, attempts.record)
    try:
        return fetch_and_land(ctx, provider, handler, threads, queries, attempts)
    finally:
        handler.close()


def letters(lake: Lake) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_rows(lake, DEAD_LETTERS).to_pylist()
    return sorted(found, key=lambda row: row["attempt"])


def test_failed_attempts_before_a_success_are_stored_redacted_and_fail_nothing(
    server: Any, ctx: RunContext, canary: str
) -> None:
    server.will_answer(b"<h1>busy</h1>", status=503, Content_Type="text/html")
    server.will_answer(f"down, {canary}".encode(), status=500)
    server.will_answer(DATA)
    fetched = fetch(ctx, QUERY)

    assert (fetched.failures, fetched.result.rows_out, fetched.result.rows_bad) == ((), 1, 0)
    found = letters(ctx.lake)
    assert [(row["attempt"], row["outcome"], row["status"], row["body"]) for row in found] == [
        (1, "asked_again", 503, b"<h1>busy</h1>"),
        (2, "asked_again", 500, b"down, REDACTED"),
    ]
    assert [(row["symbol"], row["dataset"], row["run_id"]) for row in found] == [
        ("IBM", "overview", "a-run")
    ] * 2
    assert canary not in repr(found)
    assert read_rows(ctx.lake, RAW_PAYLOADS).num_rows == 1


@pytest.mark.parametrize("provider", OF_EACH)
def test_every_source_tells_all_attempts_and_the_last_one_once(
    provider: str, server: Any, ctx: RunContext
) -> None:
    server.will_answer(b"busy", status=503)
    fetched = fetch(ctx, OF_EACH[provider], provider=provider)

    assert len(server.paths) == 3
    assert [(row["attempt"], row["outcome"]) for row in letters(ctx.lake)] == [
        (1, "asked_again"),
        (2, "asked_again"),
        (3, "given_up"),
    ]
    assert (len(fetched.failures), fetched.result.rows_bad) == (1, 1)
    (counted,) = dead_letter_counts(ctx.lake)
    assert (counted["responses"], counted["retried"]) == (1, 2)


def test_attempts_without_a_response_say_what_was_requested(ctx: RunContext, canary: str) -> None:
    nobody = ctx.settings.model_dump(mode="json")
    nobody["providers"]["alphavantage"]["base_url"] = "http://127.0.0.1:9/query"
    fetch(replace(ctx, settings=Settings.model_validate(nobody)), QUERY)
    first, *_, last = letters(ctx.lake)
    assert first["request"] == "/query?apikey=REDACTED&function=OVERVIEW&symbol=IBM"
    assert (first["status"], first["body"], first["outcome"]) == (0, b"", "asked_again")
    assert (last["status"], last["body"], last["attempt"]) == (0, b"", 3)
    assert canary not in repr(letters(ctx.lake))


def test_the_first_of_two_names_of_a_file_is_a_failed_attempt(server: Any, ctx: RunContext) -> None:
    server.will_answer(b"{}", status=404)
    fetch(ctx, OF_EACH["bse"], provider="bse")
    found = letters(ctx.lake)
    assert {(row["request"].rpartition("/")[2], row["outcome"]) for row in found} == {
        ("EQ_ISINCODE_150124.zip?", "asked_again"),
        ("EQ150124_CSV.ZIP?", "given_up"),
    }
    assert len(found) == len(server.paths) == 2


def test_threads_and_many_commits_neither_lose_nor_duplicate_anything(
    server: Any, ctx: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.ingestion.fetch_payloads.LAND_AFTER_SECONDS", -1.0)
    requests: Counter[str] = Counter()
    lock = Lock()

    def first_busy(to: BaseHTTPRequestHandler) -> None:
        with lock:
            requests[to.path] += 1
            is_first = requests[to.path] == 1
        body = to.path.encode() if is_first else DATA
        to.send_response(503 if is_first else 200)
        to.send_header("Content-Length", str(len(body)))
        to.end_headers()
        to.wfile.write(body)

    server.answers.append(first_busy)
    symbols = [f"S{number:02}" for number in range(40)]
    fetched = fetch(ctx, *(Query("overview", symbol) for symbol in symbols), threads=8)

    assert (fetched.failures, fetched.result.rows_out) == ((), 40)
    found = letters(ctx.lake)
    assert sorted(row["symbol"] for row in found) == symbols
    assert {row["outcome"] for row in found} == {"asked_again"}


def test_a_retried_attempt_is_not_a_response_to_its_query(server: Any, ctx: RunContext) -> None:
    server.will_answer(b"<html>", Content_Type="text/html")
    server.will_answer(b"busy", status=503)
    fetch(ctx, QUERY)
    classes = [(row["error_class"], row["outcome"]) for row in letters(ctx.lake)]
    assert classes == [
        ("malformed", "asked_again"),
        ("unavailable", "asked_again"),
        ("unavailable", "given_up"),
    ]
    assert last_fetched_at(ctx.lake, "alphavantage") == {}


def test_dead_letters_that_could_not_be_stored_are_stored_with_the_next(
    server: Any, ctx: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at the first commit; the commit at the end of the fetch stores everything."""
    server.will_answer(b"busy", status=503)
    server.will_answer(DATA)
    calls: list[int] = []

    def full_once(*arguments: Any) -> None:
        calls.append(len(arguments[-1]))
        if len(calls) == 1:
            raise OSError("full")
        append_dead_letters(*arguments)

    monkeypatch.setattr("flows.ingestion.fetch_payloads.LAND_AFTER_SECONDS", -1.0)
    monkeypatch.setattr("flows.ingestion.fetch_payloads.append_dead_letters", full_once)
    with pytest.raises(OSError, match="full"):
        fetch(ctx, QUERY)
    assert calls == [1, 1]
    assert [row["body"] for row in letters(ctx.lake)] == [b"busy"]
