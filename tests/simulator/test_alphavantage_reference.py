"""Corporate actions, listings, news, coins and intraday exchange rates, as Alpha Vantage writes them."""

import csv
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from flows.handlers.alphavantage.handler import AlphaVantage, connect
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import Query
from flows.simulator.alphavantage.plans import PlanName
from flows.simulator.server import Simulator

NOON = "2010-08-20T16:00:00+00:00"
COIN = {"symbol": "BTC", "market": "USD"}
PAIR = {"from_symbol": "EUR", "to_symbol": "USD"}


@pytest.fixture(name="get")
def _get(simulate: Callable[..., Simulator], send_query: Any) -> Callable[..., Any]:
    simulator = simulate(clock=_instant(NOON))
    return lambda function, **params: send_query(simulator, function=function, **params)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("function", "params", "capture"),
    [
        ("FX_INTRADAY", {**PAIR, "interval": "5min", "outputsize": "full"}, "forex/intraday"),
        ("DIGITAL_CURRENCY_DAILY", COIN, "crypto/daily"),
        ("CRYPTO_INTRADAY", {**COIN, "interval": "5min"}, "crypto/intraday"),
    ],
)
def test_series_have_the_real_keys(
    get: Any, captures: Path, function: str, params: dict[str, str], capture: str
) -> None:
    real = json.loads((captures / "crazzyghost_truncated" / f"{capture}.json").read_text())
    response = get(function, **params)
    simulated = response.json()
    assert list(simulated) == list(real)
    assert list(simulated["Meta Data"]) == list(real["Meta Data"])
    title = list(real)[1]
    assert list(next(iter(simulated[title].values()))) == list(next(iter(real[title].values())))
    assert response.headers["X-Simulated"] == "true"
    assert "SIMULATED" in simulated["Meta Data"]["1. Information"]


@pytest.mark.parametrize(
    ("function", "params"),
    [
        ("FX_INTRADAY", {**PAIR, "interval": "60min", "outputsize": "full"}),
        ("DIGITAL_CURRENCY_DAILY", COIN),
        ("CRYPTO_INTRADAY", {**COIN, "interval": "15min"}),
    ],
)
def test_generated_bars_are_valid_newest_first_and_not_from_the_future(
    get: Any, function: str, params: dict[str, str]
) -> None:
    bars = list(get(function, **params).json().values())[1]
    keys = list(bars)
    assert keys == sorted(keys, reverse=True)
    assert len(keys) > 50
    assert keys[0] <= NOON[:19].replace("T", " ")
    for bar in bars.values():
        opening, high, low, close = (float(bar[name]) for name in list(bar)[:4])
        assert 0 < low <= min(opening, close) <= max(opening, close) <= high


def test_a_past_bar_is_the_same_in_every_call(simulate: Any, send_query: Any) -> None:
    simulator = simulate(clock=_instant(NOON))
    params = {"function": "CRYPTO_INTRADAY", **COIN, "interval": "5min"}
    title = "Time Series Crypto (5min)"
    before = send_query(simulator, **params).json()[title]
    simulator.service.clock.set(_instant("2010-08-20T17:00:00+00:00"))
    after = send_query(simulator, **params).json()[title]
    both = set(before) & set(after)
    assert len(both) == 88
    assert all(before[key] == after[key] for key in both)


def test_splits_and_dividends_have_the_real_fields(get: Any, captures: Path) -> None:
    for function, field in (("SPLITS", "effective_date"), ("DIVIDENDS", "ex_dividend_date")):
        (capture,) = (captures / "portfoliotree_csv_json/fundamental").glob(f"{function}_*.csv")
        names = capture.read_text().splitlines()[0].split(",")
        bodies = [
            get(function, symbol=symbol).json() for symbol in ("AAPL", "IBM", "MSFT", "JPM", "XOM", "T")
        ]
        rows = [row for body in bodies for row in body["data"]]
        assert rows
        assert all(sorted(row) == sorted(names) for row in rows)
        days = [[row[field] for row in body["data"]] for body in bodies]
        assert all(dates == sorted(set(dates), reverse=True) for dates in days)


def test_a_dividend_is_unknown_before_it_is_declared(simulate: Any, send_query: Any) -> None:
    simulator = simulate(clock=_instant(NOON))
    paying = next(
        s for s in ("IBM", "AAPL", "MSFT", "JPM", "XOM", "T") if _dividends(simulator, send_query, s)
    )
    late = _dividends(simulator, send_query, paying)
    simulator.service.clock.set(_instant("2010-01-05T16:00:00+00:00"))
    early = _dividends(simulator, send_query, paying)
    assert 0 < len(early) < len(late)
    assert early == late[-len(early) :]
    assert all(row["declaration_date"] <= "2010-01-05" for row in early)


def _dividends(simulator: Any, send_query: Any, symbol: str) -> Any:
    return send_query(simulator, function="DIVIDENDS", symbol=symbol).json()["data"]


def test_an_unknown_symbol_has_no_corporate_actions(get: Any) -> None:
    assert get("SPLITS", symbol="NOSUCH").json() == {"symbol": "NOSUCH", "data": []}


def test_the_listing_has_the_real_header_and_reused_symbols(get: Any, captures: Path) -> None:
    (capture,) = (captures / "portfoliotree_csv_json/fundamental").glob("LISTING_STATUS_*.csv")
    active, delisted = (get("LISTING_STATUS", state=state) for state in ("active", "delisted"))
    assert active.text.splitlines()[0] == capture.read_text().splitlines()[0]
    now, before = (list(csv.DictReader(response.text.splitlines())) for response in (active, delisted))
    assert len(now) == 524
    listed = {row["symbol"]: row["ipoDate"] for row in now}
    assert 5 < len(before) < 60
    assert all(row["ipoDate"] < row["delistingDate"] < listed[row["symbol"]] for row in before)
    assert "Invalid API call" in get("LISTING_STATUS", state="both").text


def test_news_is_from_the_requested_range_and_has_the_real_fields(get: Any, captures: Path) -> None:
    (capture,) = (captures / "portfoliotree_csv_json/intelligence").glob("NEWS_SENTIMENT_*.json")
    real = json.loads(capture.read_text())
    simulated = get(
        "NEWS_SENTIMENT", tickers="IBM", time_from="20100101T0000", time_to="20100301T2359"
    ).json()
    assert list(simulated) == list(real)
    assert list(simulated["feed"][0]) == list(real["feed"][0])
    assert list(simulated["feed"][0]["ticker_sentiment"][0]) == list(real["feed"][0]["ticker_sentiment"][0])
    published = [article["time_published"] for article in simulated["feed"]]
    assert published == sorted(published, reverse=True)
    assert "20100101" <= published[-1] < published[0] < "20100302"
    assert simulated["items"] == str(len(published))
    assert len(get("NEWS_SENTIMENT", tickers="IBM", limit="3").json()["feed"]) == 3


@pytest.mark.parametrize(
    "params", [{"tickers": "NOSUCH"}, {"tickers": "CRYPTO:NONE"}, {"tickers": "IBM", "time_from": "today"}]
)
def test_unknown_news_parameters_are_invalid_inputs(get: Any, params: dict[str, str]) -> None:
    assert get("NEWS_SENTIMENT", **params).json()["Information"].startswith("Invalid inputs.")


@pytest.mark.parametrize(
    "query",
    [
        Query("fx_intraday", "EURUSD", interval="5min"),
        Query("crypto_daily", "BTC-USD"),
        Query("crypto_intraday", "ETH-EUR", interval="60min"),
        Query("news", "BRK.B"),
        Query("news", "BTC-USD"),
        Query("splits", "IBM"),
        Query("dividends", "IBM"),
        Query("listing_status", "ALL"),
        Query("delisted_status", "ALL"),
    ],
    ids=lambda query: f"{query.dataset} {query.symbol}",
)
def test_the_handler_accepts_every_response_as_data(
    query: Query, simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    handler = _handler(simulate(clock=_instant(NOON)), tmp_path)
    (record,) = handler.fetch(query)
    handler.close()
    assert record.is_simulated
    assert record.symbol == query.symbol


def test_a_free_key_gets_no_intraday_currencies_and_coins(
    simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    handler = _handler(simulate(clock=_instant(NOON), plan=PlanName.FREE), tmp_path)
    with pytest.raises(ProviderError) as raised:
        list(handler.fetch(Query("fx_intraday", "EURUSD", interval="5min")))
    handler.close()
    assert raised.value.error_class is ErrorClass.not_entitled


def _handler(simulator: Simulator, folder: Path) -> AlphaVantage:
    return connect("a-key", folder, plan="unmetered", base_url=simulator.url)
