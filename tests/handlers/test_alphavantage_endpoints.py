"""Every dataset requests its Alpha Vantage function, under the symbol of the watch list."""

from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flows.handlers.alphavantage.endpoints import DATASETS, PREMIUM_DATASETS
from flows.handlers.alphavantage.handler import MANIFEST, AlphaVantage
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import Query

Make = Callable[..., AlphaVantage]

ACTIONS = b'{"symbol": "BRK.B", "data": []}'
LISTING = (
    b"symbol,name,exchange,assetType,ipoDate,delistingDate,status\nA,A Inc,NYSE,Stock,1999-11-18,null,Active"
)
NEWS = b'{"items": "0", "feed": []}'


@pytest.mark.parametrize(
    ("query", "body", "filed", "params"),
    [
        (
            Query("fx_intraday", "EURUSD", interval="5min", is_full=True),
            b'{"Time Series FX (5min)": {"2024-01-02 09:30:00": {}}}',
            ("EURUSD", "5min"),
            {
                "function": "FX_INTRADAY",
                "from_symbol": "EUR",
                "to_symbol": "USD",
                "interval": "5min",
                "outputsize": "full",
            },
        ),
        (
            Query("crypto_daily", "BTC-EUR"),
            b'{"Time Series (Digital Currency Daily)": {"2024-01-02": {}}}',
            ("BTC-EUR", "1day"),
            {"function": "DIGITAL_CURRENCY_DAILY", "symbol": "BTC", "market": "EUR"},
        ),
        (
            Query("crypto_intraday", "PEPE-USD=pepe", interval="1min"),
            b'{"Time Series Crypto (1min)": {"2024-01-02 09:30:00": {}}}',
            ("PEPE-USD", "1min"),
            {
                "function": "CRYPTO_INTRADAY",
                "symbol": "PEPE",
                "market": "USD",
                "interval": "1min",
                "outputsize": "compact",
            },
        ),
        (
            Query("news", "AAPL", start=date(2024, 1, 2), end=date(2024, 1, 3)),
            NEWS,
            ("AAPL", None),
            {
                "function": "NEWS_SENTIMENT",
                "tickers": "AAPL",
                "sort": "LATEST",
                "limit": "1000",
                "time_from": "20240102T0000",
                "time_to": "20240103T2359",
            },
        ),
        (
            Query("news", "BTC-USD=bitcoin"),
            NEWS,
            ("BTC-USD", None),
            {"function": "NEWS_SENTIMENT", "tickers": "CRYPTO:BTC", "sort": "LATEST", "limit": "1000"},
        ),
        (
            Query("splits", "BRK.B"),
            ACTIONS,
            ("BRK.B", None),
            {"function": "SPLITS", "symbol": "BRK.B"},
        ),
        (
            Query("dividends", "BRK.B"),
            ACTIONS,
            ("BRK.B", None),
            {"function": "DIVIDENDS", "symbol": "BRK.B"},
        ),
        (
            Query("listing_status", "ALL"),
            LISTING,
            ("ALL", None),
            {"function": "LISTING_STATUS", "state": "active"},
        ),
        (
            Query("delisted_status", "ALL", end=date(2024, 1, 3)),
            LISTING,
            ("ALL", None),
            {"function": "LISTING_STATUS", "state": "delisted", "date": "2024-01-03"},
        ),
    ],
    ids=lambda value: f"{value.dataset} {value.symbol}" if isinstance(value, Query) else "",
)
def test_each_dataset_requests_its_function(
    query: Query,
    body: bytes,
    filed: tuple[str, str | None],
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
    assert (payload.dataset, payload.symbol, payload.interval) == (query.dataset, *filed)
    assert payload.body == body


@pytest.mark.parametrize(
    "query",
    [
        Query("fx_intraday", "EURUSD"),
        Query("fx_intraday", "EUR", interval="5min"),
        Query("crypto_daily", "BTC"),
        Query("crypto_daily", "BTCUSD"),
        Query("crypto_intraday", "BTC-USD", interval="2min"),
        Query("news", "AAPL,MSFT"),
        Query("splits", "../x"),
        Query("listing_status", "AAPL"),
        Query("dividends", "BTC-USD=not a name"),
    ],
)
def test_an_invalid_query_is_refused_without_a_call(query: Query, server: Any, make_handler: Make) -> None:
    with pytest.raises(ProviderError) as raised:
        list(make_handler(server.url).fetch(query))
    assert raised.value.error_class is ErrorClass.bad_symbol
    assert server.paths == []


@pytest.mark.parametrize(
    ("dataset", "symbol", "body", "error_class"),
    [
        ("news", "AAPL", b'{"Information": "No articles found. Please adjust"}', ErrorClass.no_data),
        ("news", "AAPL", b'{"Information": "Invalid inputs. Please refer"}', ErrorClass.bad_symbol),
        ("splits", "AAPL", b"{}", ErrorClass.no_data),
        ("dividends", "AAPL", NEWS, ErrorClass.malformed),
        ("listing_status", "ALL", b"symbol,name,exchange,assetType\n", ErrorClass.no_data),
        ("crypto_daily", "BTC-USD", b'{"Time Series (Daily)": {"2024-01-02": {}}}', ErrorClass.malformed),
    ],
)
def test_a_response_without_the_datasets_rows_is_an_error(
    dataset: str, symbol: str, body: bytes, error_class: ErrorClass, *, server: Any, make_handler: Make
) -> None:
    server.will_answer(body)
    with pytest.raises(ProviderError) as raised:
        list(make_handler(server.url).fetch(Query(dataset, symbol)))
    assert raised.value.error_class is error_class


def test_the_datasets_of_the_manifest_are_those_that_can_be_requested() -> None:
    assert MANIFEST.datasets == DATASETS
    assert set(DATASETS) >= PREMIUM_DATASETS
    assert MANIFEST.calendars["crypto_daily"] == "24/7"
    assert MANIFEST.calendars["fx_intraday"] == "24/5"
    assert MANIFEST.calendars["splits"] == "XNYS"
