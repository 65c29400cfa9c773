"""CoinGecko's handler sends the right request, hides its key, and raises the error a response means."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from flows.handlers.coingecko.coins import COIN_IDS
from flows.handlers.coingecko.endpoints import Lookback
from flows.handlers.coingecko.handler import MANIFEST, CoinGecko, connect, limits
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import Query, RateLimit
from flows.handlers.rate_limit.limiter import RateLimiter
from flows.handlers.rate_limit.windows import MONTH_SECONDS
from flows.handlers.transport.http_client import HttpClient
from flows.handlers.transport.redaction import Redactor
from flows.handlers.transport.retry import HttpPolicy
from flows.simulator.server import Simulator
from flows.simulator.service import SimulatorConfig
from jobs.parsing.coingecko_json import coin_bar_rows

NOW = datetime(2024, 3, 9, 12, 0, tzinfo=UTC)
CHART = b'{"prices":[[1621066793712,48460.07857593376]],"market_caps":[],"total_volumes":[]}'
OHLC = b"[[1620504000000,57945.79,59122.18,57945.79,59122.18]]"
MARKETS = b'[{"id":"bitcoin","symbol":"btc","name":"Bitcoin","current_price":49053,"market_cap":1}]'
Make = Callable[..., CoinGecko]


@pytest.fixture(name="make")
def _make(tmp_path: Path, sleeps: list[float]) -> Iterator[Make]:
    made: list[CoinGecko] = []

    def make(url: str, key: str = "", plan: str = "public", **fields: Any) -> CoinGecko:
        policy = HttpPolicy(read_timeout_seconds=60.0, connect_timeout_seconds=60.0, backoff_seconds=0.001)
        http = HttpClient(Redactor([key]), policy, sleep=sleeps.append)
        limiter = RateLimiter(tmp_path / "unused.sqlite", ())
        base_url = url.replace("/query", "/api/v3")
        made.append(CoinGecko(http, limiter, key, plan, base_url, clock=lambda: NOW, **fields))
        return made[-1]

    yield make
    for handler in made:
        handler.close()


def error_of(handler: CoinGecko, query: Query) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        list(handler.fetch(query))
    return raised.value


@pytest.mark.parametrize(
    ("query", "lookback", "body", "path", "params", "interval"),
    [
        (Query("market_chart", "BTC-USD"), Lookback(), CHART, "bitcoin/market_chart", {"days": "1"}, "5min"),
        (
            Query("market_chart", "BTC-USD"),
            Lookback(2),
            CHART,
            "bitcoin/market_chart",
            {"days": "2"},
            "60min",
        ),
        (
            Query("market_chart", "BTC-USD"),
            Lookback(91),
            CHART,
            "bitcoin/market_chart",
            {"days": "91"},
            "1day",
        ),
        (
            Query("market_chart", "BTC-USD", interval="1day"),
            Lookback(90),
            CHART,
            "bitcoin/market_chart",
            {"days": "90", "interval": "daily"},
            "1day",
        ),
        (
            Query("market_chart", "BTC-USD", start=date(2024, 1, 1), end=date(2024, 1, 31)),
            Lookback(),
            CHART,
            "bitcoin/market_chart/range",
            {"from": "1704067200", "to": "1706745600"},
            "60min",
        ),
        (Query("ohlc", "PEPE-USD=pepe"), Lookback(1, 1), OHLC, "pepe/ohlc", {"days": "1"}, "30min"),
        (Query("ohlc", "BTC-USD"), Lookback(1, 30), OHLC, "bitcoin/ohlc", {"days": "30"}, "4hour"),
        (Query("ohlc", "BTC-USD"), Lookback(1, 90), OHLC, "bitcoin/ohlc", {"days": "90"}, "4day"),
        (Query("markets", "BTC-USD"), Lookback(), MARKETS, "markets", {"ids": "bitcoin"}, None),
    ],
)
def test_each_dataset_requests_its_endpoint(
    query: Query,
    lookback: Lookback,
    body: bytes,
    path: str,
    params: dict[str, str],
    interval: str | None,
    *,
    server: Any,
    make: Make,
) -> None:
    server.will_answer(body)

    (payload,) = make(server.url, lookback=lookback).fetch(query)

    sent = urlsplit(server.paths[0])
    assert sent.path == f"/api/v3/coins/{path}"
    assert dict(parse_qsl(sent.query)) == {"vs_currency": "usd", **params}
    assert (payload.body, payload.interval, payload.dataset) == (body, interval, query.dataset)
    assert payload.symbol == query.symbol.partition("=")[0]
    assert payload.request == f"{sent.path}?{'&'.join(sorted(sent.query.split('&')))}"


@pytest.mark.parametrize(
    ("plan", "header"), [("public", None), ("demo", "x-cg-demo-api-key"), ("pro", "x-cg-pro-api-key")]
)
def test_the_key_goes_into_the_plans_header_and_nowhere_else(
    plan: str,
    header: str | None,
    server: Any,
    make: Make,
    canary: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent: list[dict[str, str]] = []

    def echo(to: Any) -> None:
        sent.append({name.lower(): value for name, value in to.headers.items()})
        body = json.dumps({"error": f"coin not found for {canary}"}).encode()
        to.send_response(404)
        to.send_header("Content-Type", f"application/json; key={canary}")
        to.send_header("Content-Length", str(len(body)))
        to.end_headers()
        to.wfile.write(body)

    server.answers.append(echo)
    handler = make(server.url, canary, plan)
    with caplog.at_level(logging.DEBUG):
        error = error_of(handler, Query("ohlc", "BTC-USD"))

    keyed = {name: value for name, value in sent[0].items() if name.startswith("x-cg-")}
    assert keyed == ({header: canary} if header else {})
    assert error.payload is not None
    assert b"not found for REDACTED" in error.payload.body
    shown = (server.paths, str(error), error.payload, error.payload.body, caplog.text, handler)
    assert canary not in repr(shown)


@pytest.mark.parametrize(
    ("status", "document", "error_class"),
    [
        (404, {"error": "coin not found"}, ErrorClass.bad_symbol),
        (422, {"error": "Missing parameter vs_currency"}, ErrorClass.bad_symbol),
        (500, {"status": 500, "error": "Internal Server Error"}, ErrorClass.unavailable),
        (401, {"status": {"error_code": 10002, "error_message": "?"}}, ErrorClass.bad_credentials),
        (400, {"error_code": 10010, "status": {"error_message": "?"}}, ErrorClass.bad_credentials),
        (400, {"status": {"error_code": 10011, "error_message": "?"}}, ErrorClass.bad_credentials),
        (401, {"status": {"error_code": 10005, "error_message": "?"}}, ErrorClass.not_entitled),
        (401, {"error": {"status": {"error_code": 10012, "error_message": "?"}}}, ErrorClass.not_entitled),
        (200, {"error": "Invalid API Key"}, ErrorClass.bad_credentials),
        (200, {"status": {"error_code": 429, "error_message": "?"}}, ErrorClass.too_fast),
        (429, {"status": {"error_code": 429, "error_message": "?"}}, ErrorClass.too_fast),
        (200, {"error": "The moon is in the way"}, ErrorClass.malformed),
        (503, {"error": "The moon is in the way"}, ErrorClass.unavailable),
        (200, {"prices": [], "market_caps": [], "total_volumes": []}, ErrorClass.no_data),
        (200, [], ErrorClass.no_data),
        (200, [[1, 2, 3, 4, 5]], ErrorClass.malformed),
        (200, {"prices": [[1]]}, ErrorClass.malformed),
        (200, {"prices": None}, ErrorClass.malformed),
        (200, 7, ErrorClass.malformed),
    ],
)
def test_a_response_that_is_not_a_chart_is_an_error_of_its_class(
    status: int, document: Any, error_class: ErrorClass, server: Any, make: Make
) -> None:
    server.will_answer(json.dumps(document).encode(), status=status)
    assert error_of(make(server.url), Query("market_chart", "BTC-USD")).error_class is error_class


def test_a_requested_wait_is_kept_before_the_retry(server: Any, make: Make, sleeps: list[float]) -> None:
    server.will_answer(b'{"status":{"error_code":429,"error_message":"?"}}', 429, Retry_After="53")
    server.will_answer(b"Throttled", 429, Content_Type="text/plain")
    server.will_answer(CHART)

    (payload,) = make(server.url).fetch(Query("market_chart", "BTC-USD"))

    assert payload.body == CHART
    assert sleeps[0] == 53
    assert sleeps[1] >= 2


def test_markets_of_another_coin_are_malformed(server: Any, make: Make) -> None:
    server.will_answer(MARKETS)
    assert error_of(make(server.url), Query("markets", "ETH-USD")).error_class is ErrorClass.malformed


@pytest.mark.parametrize(
    "symbol",
    [
        "",
        "BTC",
        "btc-usd",
        "BTCUSD",
        "BTC-USD=",
        "BTC-USD=../x",
        "BTC-USD=a/b",
        "BTC-USD\n",
        "A" * 9999,
        "BTC-USD=É",
    ],
)
def test_an_invalid_coin_is_refused_without_a_call(symbol: str, server: Any, make: Make) -> None:
    error = error_of(make(server.url), Query("ohlc", symbol))
    assert error.error_class is ErrorClass.bad_symbol
    assert "PEPE-USD=pepe" in str(error)
    assert len(str(error)) < 400
    assert server.paths == []


def test_the_error_for_an_unknown_coin_says_how_to_spell_it(server: Any, make: Make) -> None:
    error = error_of(make(server.url), Query("ohlc", "PEPE-USD"))
    assert error.error_class is ErrorClass.bad_symbol
    assert "write PEPE-USD=ID in the watch list" in str(error)


@pytest.mark.parametrize(
    "query",
    [
        Query("ticks", "BTC-USD"),
        Query("market_chart", "BTC-USD", interval="5min"),
        Query("market_chart", "BTC-USD", start=date(2024, 1, 1)),
        Query("market_chart", "BTC-USD", start=date(2024, 1, 2), end=date(2024, 1, 1)),
        Query("ohlc", "BTC-USD", start=date(2024, 1, 1), end=date(2024, 1, 2)),
        Query("markets", "BTC-USD", interval="1day"),
    ],
)
def test_an_invalid_query_is_refused_without_a_call(query: Query, server: Any, make: Make) -> None:
    assert error_of(make(server.url), query).error_class is ErrorClass.bad_symbol
    assert server.paths == []


@pytest.mark.parametrize("plan", ["demo", "pro"])
def test_a_missing_key_says_which_variable_to_set(plan: str, server: Any, make: Make) -> None:
    error = error_of(make(server.url, " ", plan), Query("ohlc", "BTC-USD"))
    assert error.error_class is ErrorClass.bad_credentials
    assert "COINGECKO_API_KEY" in str(error)
    assert server.paths == []


def test_a_client_that_does_not_redact_the_key_is_refused(tmp_path: Path, canary: str) -> None:
    with HttpClient(Redactor(["another-key"])) as http, pytest.raises(ValueError, match="redactor") as raised:
        CoinGecko(http, RateLimiter(tmp_path / "x.sqlite", ()), canary, "demo")
    assert canary not in str(raised.value)


def test_an_unknown_plan_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="public, demo, pro; found 'gold'"):
        connect("", tmp_path, plan="gold")


def test_only_limits_that_matter_are_kept(tmp_path: Path) -> None:
    minute, month = RateLimit(30, 60.0), RateLimit(10_000, MONTH_SECONDS)
    assert limits(30, 10_000) == (minute, month)
    assert limits(30, 20) == (RateLimit(20, MONTH_SECONDS),)
    assert limits(30, 100_000_000) == (minute,)
    for per_month in (1, 30, 31, 10_000, 1_340_999, 1_341_000, 1_341_001):
        connect("", tmp_path / str(per_month), calls_per_minute=30, calls_per_month=per_month).close()


def test_connect_keeps_the_quota_over_a_restart(server: Any, tmp_path: Path) -> None:
    server.will_answer(OHLC)
    for _ in range(2):
        handler = connect("", tmp_path, base_url=server.url, calls_per_minute=2, max_wait_seconds=0)
        assert list(handler.fetch(Query("ohlc", "BTC-USD")))
        handler.close()
    handler = connect("", tmp_path, base_url=server.url, calls_per_minute=2, max_wait_seconds=0)
    error = error_of(handler, Query("ohlc", "BTC-USD"))
    handler.close()
    assert error.error_class is ErrorClass.quota_exhausted
    assert len(server.paths) == 2


def test_every_dataset_has_a_calendar_and_every_plan_has_limits() -> None:
    assert set(MANIFEST.calendars) == set(MANIFEST.datasets)
    assert MANIFEST.plans["demo"] == limits(30, 10_000)
    assert len(COIN_IDS) == len(set(COIN_IDS.values())) > 19


def test_the_handler_and_the_parser_read_the_simulator(make: Make) -> None:
    with Simulator(SimulatorConfig(clock=NOW)) as simulator:
        url = f"{simulator.base}/coingecko/query"
        for dataset, lookback, interval in [
            ("market_chart", Lookback(1), "5min"),
            ("market_chart", Lookback(90), "60min"),
            ("market_chart", Lookback(365), "1day"),
            ("ohlc", Lookback(1, 1), "30min"),
            ("ohlc", Lookback(1, 14), "4hour"),
            ("ohlc", Lookback(1, 365), "4day"),
        ]:
            (payload,) = make(url, lookback=lookback).fetch(Query(dataset, "PEPE-USD=pepe"))
            rows = coin_bar_rows(payload.body, payload.symbol, None)
            assert payload.is_simulated
            assert {row[0] for row in rows} == {payload.interval} == {interval}
            assert not any("e" in str(row[4:]) for row in rows)
        (payload,) = make(url).fetch(Query("markets", "PEPE-USD=pepe"))
        assert payload.symbol == "PEPE-USD"
