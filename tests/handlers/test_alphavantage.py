"""The handler sends the right request, returns the bytes, and raises the error that a response means."""

import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flows.handlers.alphavantage.handler import MANIFEST, AlphaVantage, connect
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import Query
from flows.handlers.rate_limit import limiter as rate_limits
from flows.handlers.rate_limit.limiter import RateLimiter
from flows.handlers.rate_limit.sqlite_store import open_sqlite_store
from flows.handlers.transport.http_client import HttpClient
from flows.handlers.transport.redaction import Redactor

Make = Callable[..., AlphaVantage]

DAILY = b'{\n "Meta Data": {}, "Time Series (Daily)": {"2024-01-02": {"4. close": "1.50"}}}\n'
INTRADAY = b'{"Meta Data": {}, "Time Series (5min)": {"2024-01-02 09:30:00": {}}}'


def _error(handler: AlphaVantage, query: Query) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        list(handler.fetch(query))
    return raised.value


def test_a_payload_holds_the_bytes_and_their_origin(server: Any, make_handler: Make) -> None:
    server.will_answer(DAILY, Content_Type="application/json; charset=utf-8")

    (payload,) = make_handler(server.url).fetch(Query("daily", "IBM"))

    assert payload.body == DAILY
    assert payload.payload_id == sha256(DAILY).hexdigest()
    assert (payload.provider, payload.dataset, payload.symbol, payload.interval) == (
        "alphavantage",
        "daily",
        "IBM",
        "1day",
    )
    assert (
        payload.request == "/query?apikey=REDACTED&function=TIME_SERIES_DAILY&outputsize=compact&symbol=IBM"
    )
    assert (payload.status, payload.content_type) == (200, "application/json; charset=utf-8")
    assert payload.fetched_at == datetime(2024, 3, 5, 12, 0, tzinfo=UTC)
    assert not payload.is_simulated


def test_a_response_that_declares_itself_simulated_is_marked(server: Any, make_handler: Make) -> None:
    server.will_answer(DAILY, X_Simulated="true")
    (payload,) = make_handler(server.url).fetch(Query("daily", "IBM"))
    assert payload.is_simulated


@pytest.mark.parametrize(
    ("query", "body", "interval", "params"),
    [
        (
            Query("intraday", "IBM", interval="5min", month="2024-01", is_full=True),
            INTRADAY,
            "5min",
            {
                "function": "TIME_SERIES_INTRADAY",
                "symbol": "IBM",
                "interval": "5min",
                "adjusted": "false",
                "extended_hours": "true",
                "outputsize": "full",
                "month": "2024-01",
            },
        ),
        (
            Query("daily", "BRK.B", is_full=True),
            DAILY,
            "1day",
            {"function": "TIME_SERIES_DAILY", "symbol": "BRK.B", "outputsize": "full"},
        ),
        (Query("overview", "IBM"), b'{"Symbol": "IBM"}', None, {"function": "OVERVIEW", "symbol": "IBM"}),
        (
            Query("fx_daily", "EURUSD"),
            b'{"Time Series FX (Daily)": {"2024-01-02": {}}}',
            "1day",
            {"function": "FX_DAILY", "from_symbol": "EUR", "to_symbol": "USD", "outputsize": "compact"},
        ),
    ],
)
def test_each_dataset_requests_its_function(
    query: Query,
    body: bytes,
    interval: str | None,
    params: dict[str, str],
    *,
    server: Any,
    make_handler: Make,
    canary: str,
) -> None:
    server.will_answer(body)

    (payload,) = make_handler(server.url).fetch(query)

    sent = {name: values[0] for name, values in parse_qs(urlsplit(server.paths[0]).query).items()}
    assert sent == {**params, "apikey": canary}
    assert payload.interval == interval


@pytest.mark.parametrize("status", [200, 400, 500])
def test_an_error_body_is_an_error_whatever_its_status(
    status: int, server: Any, make_handler: Make, canary: str
) -> None:
    text = (
        f"We have detected your API key as {canary} and our standard API rate limit is 25 requests per day."
    )
    server.will_answer(json.dumps({"Information": text}).encode(), status=status)

    error = _error(make_handler(server.url), Query("daily", "IBM"))

    assert error.error_class is ErrorClass.quota_exhausted
    assert error.stops_provider
    assert error.payload is not None
    assert error.payload.status == status
    assert b"API key as REDACTED and" in error.payload.body
    assert len(server.paths) == 1


def test_an_unknown_company_is_no_data_and_stops_no_other_query(server: Any, make_handler: Make) -> None:
    server.will_answer(b"{}")
    error = _error(make_handler(server.url), Query("overview", "NOSUCH"))
    assert error.error_class is ErrorClass.no_data
    assert not error.stops_provider


def test_too_fast_is_retried_after_at_least_the_interval(
    server: Any, make_handler: Make, sleeps: list[float]
) -> None:
    server.will_answer(b'{"Information": "Please consider spreading out your free API requests"}')
    server.will_answer(DAILY)

    (payload,) = make_handler(server.url, backoff_seconds=0.001).fetch(Query("daily", "IBM"))

    assert payload.body == DAILY
    assert len(sleeps) == 1
    assert sleeps[0] >= 1.0


def test_an_unknown_sentence_costs_only_one_call(server: Any, make_handler: Make) -> None:
    server.will_answer(b'{"Information": "All requests must be signed."}')
    error = _error(make_handler(server.url), Query("daily", "IBM"))
    assert error.error_class is ErrorClass.malformed
    assert "must be signed" in str(error)
    assert len(server.paths) == 1


HOSTILE = [
    "../x",
    "A..B",
    "",
    " IBM",
    "IBM\n",
    "'; drop table bars",
    'A"B',
    "A\x00B",
    "a" * 10_000,
    "İBM",
    "/x",
]


@pytest.mark.parametrize("symbol", HOSTILE)
def test_a_hostile_symbol_is_refused_without_a_call(symbol: str, server: Any, make_handler: Make) -> None:
    error = _error(make_handler(server.url), Query("daily", symbol))
    assert error.error_class is ErrorClass.bad_symbol
    assert error.payload is None
    assert len(str(error)) < 400
    assert str(error).isprintable()
    assert server.paths == []


@pytest.mark.parametrize("symbol", ["IBM", "BRK.B", "BF-A", "^GSPC", "ES=F", "TSCO.LON", "X:BTC", "BTC/USD"])
def test_a_symbol_that_may_exist_is_requested(symbol: str, server: Any, make_handler: Make) -> None:
    server.will_answer(DAILY)
    assert list(make_handler(server.url).fetch(Query("daily", symbol)))
    assert parse_qs(urlsplit(server.paths[0]).query)["symbol"] == [symbol]


@pytest.mark.parametrize(
    "query",
    [
        Query("weekly", "IBM"),
        Query("intraday", "IBM"),
        Query("intraday", "IBM", interval="7min"),
        Query("intraday", "IBM", interval="5min", month="2024-13"),
        Query("fx_daily", "EURO"),
    ],
)
def test_an_invalid_query_is_refused_without_a_call(query: Query, server: Any, make_handler: Make) -> None:
    assert _error(make_handler(server.url), query).error_class is ErrorClass.bad_symbol
    assert server.paths == []


def test_a_missing_key_says_which_variable_to_set(server: Any, make_handler: Make) -> None:
    error = _error(make_handler(server.url, key=" "), Query("daily", "IBM"))
    assert error.error_class is ErrorClass.bad_credentials
    assert "ALPHAVANTAGE_API_KEY" in str(error)
    assert server.paths == []


def test_a_client_that_does_not_redact_the_key_is_refused(tmp_path: Path, canary: str) -> None:
    with HttpClient(Redactor(["another-key"])) as http, pytest.raises(ValueError, match="redactor") as raised:
        AlphaVantage(http, RateLimiter(tmp_path / "x.sqlite", ()), canary)
    assert canary not in str(raised.value)


def test_connect_keeps_the_plans_quota_over_a_restart(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a clock that the test controls: a real second may have passed before the third call."""
    seconds = [1_700_000_000.0]
    monkeypatch.setattr(
        rate_limits,
        "open_sqlite_store",
        lambda path, limits, _now: open_sqlite_store(path, limits, lambda: seconds[0]),
    )
    server.will_answer(b'{"Symbol": "IBM"}')
    for _ in range(2):
        seconds[0] += 2
        handler = connect("a-real-key", tmp_path, plan="free", base_url=server.url, max_wait_seconds=0)
        assert list(handler.fetch(Query("overview", "IBM")))
        handler.close()
    handler = connect("a-real-key", tmp_path, plan="free", base_url=server.url, max_wait_seconds=0)
    error = _error(handler, Query("overview", "IBM"))
    handler.close()
    assert error.error_class is ErrorClass.quota_exhausted
    assert len(server.paths) == 2


def test_an_unknown_plan_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"free, premium.*unmetered; found 'gold'"):
        connect("a-real-key", tmp_path, plan="gold")


def test_every_dataset_has_a_calendar() -> None:
    assert set(MANIFEST.calendars) == set(MANIFEST.datasets)


def test_an_error_can_be_pickled_without_loss(server: Any, make_handler: Make) -> None:
    server.will_answer(b"{}")
    error = _error(make_handler(server.url), Query("overview", "NOSUCH"))
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.payload, again.error_class) == (str(error), error.payload, error.error_class)
