"""A named symbol is requested only from the datasets that have its asset type."""

from datetime import date

import pytest

from config.settings import Settings
from flows.ingestion.asset_types import ALL_ASSET_TYPES, asset_types_of
from flows.ingestion.registry import PAYLOAD_SOURCES
from flows.ingestion.request_selection import latest_requests, range_requests
from flows.ingestion.source import FetchRequest
from jobs.runs.errors import PlanError

FIRST, LAST = date(2010, 8, 2), date(2010, 8, 13)
LISTED = {"stocks": ["AAPL", "GOOGLE"], "fx": ["EURUSD"], "crypto": ["BTC-USD", "PEPE-USD=pepe"]}
SETTINGS = Settings.model_validate(
    {
        "watch_list": LISTED,
        "providers": {
            "alphavantage": {"plan": "premium"},
            "coingecko": {"datasets": ["market_chart"]},
            "bse": {"datasets": ["bhavcopy"]},
        },
    }
)


def requested(*symbols: str, datasets: list[str] | None = None) -> list[tuple[str, tuple[str, ...] | None]]:
    """The datasets from which a backfill requests the symbols, each with its own."""
    return [
        (request.dataset, request.symbols)
        for request in range_requests(SETTINGS, FIRST, LAST, datasets, symbols)
    ]


@pytest.mark.parametrize(
    ("symbol", "datasets"),
    [
        ("AAPL", ["daily", "intraday"]),
        ("aapl", ["daily", "intraday"]),
        ("BRK-B", ["daily", "intraday"]),
        ("GOOGLE", ["daily", "intraday"]),
        ("EURUSD", ["fx_daily"]),
        ("gbpusd", ["fx_daily"]),
        ("BTC-USD", ["market_chart"]),
        ("DOGE-USD=dogecoin", ["market_chart"]),
    ],
)
def test_a_backfill_requests_a_symbol_from_the_datasets_that_have_its_asset_type(
    symbol: str, datasets: list[str]
) -> None:
    assert requested(symbol) == [(dataset, (symbol,)) for dataset in datasets]


def test_symbols_of_several_asset_types_are_distributed_among_the_datasets() -> None:
    assert requested("AAPL", "EURUSD", "IBM", datasets=["daily", "fx_daily"]) == [
        ("daily", ("AAPL", "IBM")),
        ("fx_daily", ("EURUSD",)),
    ]


def test_news_are_requested_for_stocks_and_coins() -> None:
    assert requested("AAPL", "BTC-USD", datasets=["news"]) == [("news", ("AAPL", "BTC-USD"))]


@pytest.mark.parametrize(
    ("symbol", "dataset", "said"),
    [
        ("EURUSD", "daily", r"\(daily: stock\) has the symbol 'EURUSD', a currency pair; name a dataset"),
        ("AAPL", "fx_daily", r"\(fx_daily: currency pair\) has the symbol 'AAPL', a stock"),
        ("BTC-USD", "fx_daily", "has the symbol 'BTC-USD', a coin"),
        ("AAPL", "bhavcopy", r"\(bhavcopy: no symbols\) has the symbol 'AAPL'"),
    ],
)
def test_a_symbol_that_no_dataset_has_is_refused(symbol: str, dataset: str, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        requested(symbol, datasets=[dataset])


def test_one_symbol_that_no_dataset_has_refuses_all_before_any_request() -> None:
    with pytest.raises(PlanError, match="has the symbol 'EURUSD'"):
        requested("AAPL", "EURUSD", datasets=["daily"])


def test_a_symbol_that_is_listed_under_two_asset_types_has_both() -> None:
    listed = Settings.model_validate({"watch_list": {"stocks": ["EURUSD"], "fx": ["EURUSD"]}}).watch_list
    assert asset_types_of("EURUSD", listed) == ("stock", "currency pair")


def test_the_plan_of_an_ordinary_run_distributes_symbols_likewise() -> None:
    assert latest_requests(SETTINGS, (), ("AAPL", "EURUSD"), None) == (
        FetchRequest("alphavantage", "daily", ("AAPL",)),
        FetchRequest("alphavantage", "intraday", ("AAPL",)),
        FetchRequest("alphavantage", "overview", ("AAPL",)),
        FetchRequest("alphavantage", "fx_daily", ("EURUSD",)),
    )


@pytest.mark.parametrize("name", PAYLOAD_SOURCES)
def test_each_dataset_of_a_provider_has_known_asset_types(name: str) -> None:
    source = PAYLOAD_SOURCES[name]
    for dataset in source.manifest.datasets:
        assert set(source.asset_types(dataset)) <= set(ALL_ASSET_TYPES)
