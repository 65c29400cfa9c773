"""The queries of CoinGecko: the watch list's coins, ranges in pieces, nothing twice."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.load import ConfigError
from config.secrets import Secrets
from config.settings import CoinGeckoSettings, Providers, Settings, WatchList
from delta_tables.storage.lake import Lake
from flows.handlers.coingecko.endpoints import Lookback, endpoint_request
from flows.handlers.coingecko.handler import CoinGecko
from flows.handlers.models import Query
from flows.ingestion.source import FetchRequest, LandedResponse
from flows.ingestion.sources.coingecko import SOURCE
from jobs.runs.errors import PlanError
from jobs.runs.run_context import RunContext

TODAY = date(2024, 3, 9)
COINS = WatchList(crypto=("BTC-USD", "PEPE-USD=pepe"))


def settings(**fields: Any) -> Settings:
    return Settings(watch_list=COINS, providers=Providers(coingecko=CoinGeckoSettings(**fields)))


def request_of(dataset: str = "market_chart", **fields: Any) -> FetchRequest:
    return FetchRequest("coingecko", dataset, **fields)


def test_the_latest_are_one_query_per_coin_in_order_of_priority() -> None:
    assert SOURCE.queries(request_of("ohlc"), settings(), TODAY) == [
        Query("ohlc", "BTC-USD"),
        Query("ohlc", "PEPE-USD=pepe"),
    ]


def test_a_coin_named_by_its_symbol_has_the_watch_lists_id() -> None:
    fetch_request = request_of("markets", symbols=("pepe-usd", "WIF-USD=dogwifcoin", "PEPE-USD", "SOL-USD"))
    assert [query.symbol for query in SOURCE.queries(fetch_request, settings(), TODAY)] == [
        "PEPE-USD=pepe",
        "WIF-USD=dogwifcoin",
        "SOL-USD",
    ]


def test_a_range_is_requested_in_pieces_of_90_days_up_to_today() -> None:
    fetch_request = request_of(symbols=("BTC-USD",), start=date(2023, 9, 1), end=date(2024, 12, 31))
    pieces = [(query.start, query.end) for query in SOURCE.queries(fetch_request, settings(), TODAY)]
    assert pieces == [
        (date(2023, 9, 1), date(2023, 11, 29)),
        (date(2023, 11, 30), date(2024, 2, 27)),
        (date(2024, 2, 28), TODAY),
    ]


@pytest.mark.parametrize(
    ("fetch_request", "message"),
    [
        (request_of("ticks"), "there is market_chart, ohlc, markets"),
        (request_of("ohlc", start=TODAY, end=TODAY), "there is market_chart"),
        (request_of(start=TODAY, end=TODAY - timedelta(days=1)), "the range is empty"),
        (request_of(start=TODAY + timedelta(days=1), end=TODAY + timedelta(days=2)), "after today"),
        (request_of(start=TODAY - timedelta(days=366), end=TODAY), "reaches back to 2023-03-10"),
    ],
)
def test_an_impossible_request_is_a_plan_error(fetch_request: FetchRequest, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        SOURCE.queries(fetch_request, settings(), TODAY)


def test_a_pro_plan_reaches_further_back() -> None:
    fetch_request = request_of(start=TODAY - timedelta(days=366), end=TODAY)
    assert SOURCE.queries(fetch_request, settings(plan="pro"), TODAY)


def test_a_range_is_covered_by_the_same_range_fetched_after_its_end() -> None:
    query = Query("market_chart", "BTC-USD", start=date(2024, 3, 1), end=date(2024, 3, 7))
    request = f"/coingecko/api/v3{endpoint_request(query, Lookback()).canonical}"
    ended, now = datetime(2024, 3, 8, tzinfo=UTC), datetime(2024, 3, 9, 12, tzinfo=UTC)
    landed = LandedResponse("BTC-USD", "60min", request, ended)

    assert SOURCE.is_covered(query, [landed], now)
    assert not SOURCE.is_covered(query, [], now)
    assert not SOURCE.is_covered(query, [replace(landed, symbol="ETH-USD")], now)
    assert not SOURCE.is_covered(replace(query, end=date(2024, 3, 6)), [landed], now)
    early = replace(landed, fetched_at=ended - timedelta(minutes=1))
    assert not SOURCE.is_covered(query, [early], now)
    assert SOURCE.is_covered(query, [early], ended + timedelta(minutes=30))
    assert not SOURCE.is_covered(Query("market_chart", "BTC-USD"), [landed], now)


def test_nothing_is_requested_until_the_settings_name_datasets() -> None:
    assert SOURCE.latest_datasets(settings()) == ()
    assert SOURCE.latest_datasets(settings(datasets=("ohlc",))) == ("ohlc",)


def test_a_plan_with_a_key_needs_it_and_the_settings_reach_the_handler(tmp_path: Path) -> None:
    def ctx(**fields: Any) -> RunContext:
        chosen = settings(**fields).model_copy(update={"state_dir": tmp_path})
        lake = Lake(str(tmp_path / "lake"))
        return RunContext(chosen, Secrets(_env_file=None), lake, lambda: datetime.now(UTC), "run")

    with pytest.raises(ConfigError, match="COINGECKO_API_KEY"):
        SOURCE.connect(ctx(plan="demo"))
    handler = SOURCE.connect(ctx(chart_days=30, ohlc_days=90))
    assert isinstance(handler, CoinGecko)
    assert handler.lookback == Lookback(30, 90)
    handler.close()
