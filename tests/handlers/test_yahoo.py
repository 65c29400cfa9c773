"""Yahoo's handler sends the right request, returns the bytes, and raises the error a response means."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import Query
from flows.handlers.transport.retry import HttpPolicy
from flows.handlers.yahoo.handler import MANIFEST, Yahoo, connect, period, provider_symbol

Make = Callable[..., Yahoo]
NOW = datetime(2024, 3, 5, 12, 0, tzinfo=UTC)


def _chart(**parts: Any) -> bytes:
    chart = {"meta": {"symbol": "IBM"}, "timestamp": [1709562600], **parts}
    return json.dumps({"chart": {"result": [chart], "error": None}}).encode()


def _refusal(code: str, description: str) -> bytes:
    error = {"code": code, "description": description}
    return json.dumps({"chart": {"result": None, "error": error}}).encode()


CHART = _chart()


@pytest.fixture
def make(tmp_path: Path, server: Any) -> Iterator[Make]:
    made: list[Yahoo] = []

    def connected(**options: Any) -> Yahoo:
        policy = HttpPolicy(read_timeout_seconds=60.0, attempts=1, malformed_attempts=1)
        base_url = server.url.replace("/query", "/v8/finance/chart")
        options = {"base_url": base_url, "clock": lambda: NOW, "policy": policy, **options}
        made.append(connect(tmp_path, **options))
        return made[-1]

    yield connected
    for handler in made:
        handler.close()


def _error(handler: Yahoo, query: Query) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        list(handler.fetch(query))
    return raised.value


def test_the_newest_daily_bars_are_requested_with_events(server: Any, make: Make) -> None:
    server.will_answer(CHART)

    (payload,) = make().fetch(Query("daily", "IBM"))

    assert payload.body == CHART
    assert (payload.provider, payload.dataset, payload.symbol, payload.interval) == (
        "yahoo",
        "daily",
        "IBM",
        "1day",
    )
    assert payload.request == (
        "/v8/finance/chart/IBM?events=div%2Csplit%2CcapitalGains&includePrePost=false&interval=1d&range=1mo"
    )
    assert payload.fetched_at == NOW


def test_a_range_of_dates_covers_them_in_every_time_zone(server: Any, make: Make) -> None:
    server.will_answer(CHART)
    query = Query("intraday", "IBM", "60min", start=date(2024, 2, 28), end=date(2024, 3, 1))

    (payload,) = make().fetch(query)

    params = parse_qs(urlsplit(server.paths[0]).query)
    assert (params["interval"], params["includePrePost"]) == (["60m"], ["true"])
    first, last = (datetime.fromtimestamp(int(params[name][0]), UTC) for name in ("period1", "period2"))
    assert (first, last) == (datetime(2024, 2, 27, 10, tzinfo=UTC), datetime(2024, 3, 2, 12, tzinfo=UTC))
    assert payload.interval == "60min"


def test_the_whole_history_is_requested_by_dates_because_max_returns_months(server: Any, make: Make) -> None:
    server.will_answer(CHART)
    assert list(make().fetch(Query("daily", "IBM", is_full=True)))
    params = parse_qs(urlsplit(server.paths[0]).query)
    assert "range" not in params
    assert int(params["period1"][0]) < 0
    assert int(params["period2"][0]) == period(NOW.date(), NOW.date())[1]


def test_a_split_among_the_newest_bars_also_fetches_the_restated_history(server: Any, make: Make) -> None:
    server.will_answer(_chart(events={"splits": {"1709562600": {"numerator": 4, "denominator": 1}}}))
    server.will_answer(CHART)

    newest, whole = make().fetch(Query("daily", "IBM"))

    assert "range=1mo" in newest.request
    assert "period1=-" in whole.request
    assert whole.body == CHART


def test_a_split_within_a_requested_range_fetches_nothing_else(server: Any, make: Make) -> None:
    server.will_answer(_chart(events={"splits": {"1": {"numerator": 4, "denominator": 1}}}))
    assert len(list(make().fetch(Query("daily", "IBM", start=date(2024, 3, 1), end=date(2024, 3, 4))))) == 1


@pytest.mark.parametrize(
    ("symbol", "spelling"),
    [
        ("AAPL", "AAPL"),
        ("BRK.B", "BRK-B"),
        ("bf.a", "BF-A"),
        ("OCDO.L", "OCDO.L"),
        ("0P000071W8.TO", "0P000071W8.TO"),
        ("0005.HK", "0005.HK"),
        ("EURUSD", "EURUSD=X"),
        ("BTC-USD", "BTC-USD"),
        ("^GSPC", "^GSPC"),
        ("GC=F", "GC=F"),
    ],
)
def test_a_symbol_is_requested_in_yahoos_spelling_and_stored_in_the_watch_lists(
    symbol: str, spelling: str, server: Any, make: Make
) -> None:
    server.will_answer(CHART)
    (payload,) = make().fetch(Query("daily", symbol))
    assert provider_symbol(symbol) == spelling
    assert urlsplit(server.paths[0]).path == f"/v8/finance/chart/{spelling.replace('^', '%5E')}"
    assert payload.symbol == symbol


@pytest.mark.parametrize(
    "query",
    [
        *(
            Query("daily", symbol)
            for symbol in ("", "../x", "A..B", "A/B", "A?B", "A\n", "İBM", "a" * 10_000)
        ),
        Query("weekly", "IBM"),
        Query("intraday", "IBM"),
        Query("intraday", "IBM", "7min"),
        Query("daily", "IBM", start=date(2024, 3, 2), end=date(2024, 3, 1)),
    ],
)
def test_an_invalid_query_is_refused_without_a_call(query: Query, server: Any, make: Make) -> None:
    error = _error(make(), query)
    assert error.error_class is ErrorClass.bad_symbol
    assert len(str(error)) < 400
    assert server.paths == []


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, _refusal("Not Found", "No data found, symbol may be delisted"), ErrorClass.bad_symbol),
        (200, _refusal("Not Found", "No data found, symbol may be delisted"), ErrorClass.bad_symbol),
        (400, _refusal("Bad Request", "Data doesn't exist for startDate = 1"), ErrorClass.no_data),
        (400, b"{}", ErrorClass.malformed),
        (429, b"Edge: Too Many Requests", ErrorClass.too_fast),
        (200, b"Edge: Too Many Requests", ErrorClass.too_fast),
        (429, b"<html>slow down</html>", ErrorClass.too_fast),
        (401, _refusal("Unauthorized", "Invalid Crumb"), ErrorClass.bad_credentials),
        (403, b"Forbidden", ErrorClass.not_entitled),
        (502, b"<html>Bad gateway</html>", ErrorClass.unavailable),
        (500, CHART, ErrorClass.unavailable),
        (404, CHART, ErrorClass.malformed),
        (200, b"<html>Will be right back</html>", ErrorClass.malformed),
    ],
)
def test_a_response_without_data_is_an_error_that_keeps_it(
    status: int, body: bytes, expected: ErrorClass, server: Any, make: Make
) -> None:
    server.will_answer(body, status)
    error = _error(make(), Query("daily", "IBM"))
    assert error.error_class is expected
    assert error.payload is not None
    assert error.payload.body == body
    assert error.__cause__ is None


def test_the_request_identifies_the_client_in_a_way_that_yahoo_accepts(server: Any, make: Make) -> None:
    agents: list[str] = []

    def answer(to: BaseHTTPRequestHandler) -> None:
        agents.append(to.headers["User-Agent"])
        to.send_response(200)
        to.send_header("Content-Length", str(len(CHART)))
        to.end_headers()
        to.wfile.write(CHART)

    server.answers.append(answer)
    assert list(make().fetch(Query("daily", "IBM")))
    assert agents == ["Mozilla/5.0 (compatible; market-lakehouse)"]


def test_the_rate_limit_is_kept_over_a_restart(server: Any, make: Make) -> None:
    server.will_answer(CHART)
    for _ in range(2):
        assert list(make(calls_per_minute=2, max_wait_seconds=1.0).fetch(Query("daily", "IBM")))
    error = _error(make(calls_per_minute=2, max_wait_seconds=1.0), Query("daily", "IBM"))
    assert error.error_class is ErrorClass.quota_exhausted
    assert len(server.paths) == 2


def test_every_dataset_has_a_calendar() -> None:
    assert set(MANIFEST.calendars) == set(MANIFEST.datasets)
