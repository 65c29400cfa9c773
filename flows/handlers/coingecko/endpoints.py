"""The requests to CoinGecko, and the interval of the points that each one returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

from flows.handlers.coingecko.coins import CoinPair, parse_coin
from flows.handlers.errors import invalid_query
from flows.handlers.models import Query

DATASETS: Final = ("market_chart", "ohlc", "markets")

# The interval by the number of days requested; beyond the last it is 1day (market_chart) or 4day (ohlc).
# https://docs.coingecko.com/reference/coins-id-market-chart and .../coins-id-ohlc
HOURLY_DAYS: Final = 90
_CHART_DAYS: Final = ((1, "5min"), (HOURLY_DAYS, "60min"))
_OHLC_DAYS: Final = ((2, "30min"), (30, "4hour"))


@dataclass(frozen=True)
class Lookback:
    """How many days a request without a range covers, which also decides the interval of its points."""

    chart_days: int = 1
    ohlc_days: int = 1


@dataclass(frozen=True)
class CoinGeckoRequest:
    """A query in CoinGecko's terms: path below the base URL, parameters, and the interval it returns."""

    coin: CoinPair
    path: str
    params: Mapping[str, str]
    interval: str | None

    @property
    def canonical(self) -> str:
        """How the `request` of its payload ends."""
        return f"{self.path}?{urlencode(sorted(self.params.items()))}"


def endpoint_request(query: Query, lookback: Lookback) -> CoinGeckoRequest:
    """The request for the query; only market_chart has ranges (both days included, UTC).

    Raises ProviderError(bad_symbol) if the query is invalid.
    """
    coin = parse_coin(query.symbol)
    has_range = query.start is not None or query.end is not None
    match query.dataset:
        case "market_chart":
            return _range_request(coin, query) if has_range else _chart_request(coin, query, lookback)
        case "ohlc" | "markets" if has_range or query.interval:
            raise invalid_query(
                f"a query of {query.dataset} without range and interval", f"{query.start} {query.interval}"
            )
        case "ohlc":
            params = {"vs_currency": coin.currency, "days": str(lookback.ohlc_days)}
            return CoinGeckoRequest(
                coin, f"/coins/{coin.coin_id}/ohlc", params, _interval(lookback.ohlc_days, _OHLC_DAYS, "4day")
            )
        case "markets":
            params = {"vs_currency": coin.currency, "ids": coin.coin_id}
            return CoinGeckoRequest(coin, "/coins/markets", params, None)
    raise invalid_query(f"one of the datasets {', '.join(DATASETS)}", query.dataset)


def _chart_request(coin: CoinPair, query: Query, lookback: Lookback) -> CoinGeckoRequest:
    params = {"vs_currency": coin.currency, "days": str(lookback.chart_days)}
    path = f"/coins/{coin.coin_id}/market_chart"
    if query.interval is None:
        return CoinGeckoRequest(coin, path, params, _interval(lookback.chart_days, _CHART_DAYS, "1day"))
    if query.interval != "1day":
        raise invalid_query(
            "no interval (CoinGecko chooses it by the number of days) or 1day", query.interval
        )
    return CoinGeckoRequest(coin, path, {**params, "interval": "daily"}, "1day")


def _range_request(coin: CoinPair, query: Query) -> CoinGeckoRequest:
    if query.start is None or query.end is None or query.start > query.end or query.interval:
        raise invalid_query(
            "a range with a start, an end on or after it, and no interval", f"{query.start} {query.end}"
        )
    first, after = _epoch_seconds(query.start), _epoch_seconds(query.end + timedelta(days=1))
    params = {"vs_currency": coin.currency, "from": str(first), "to": str(after)}
    days = (query.end - query.start).days + 1
    # a single past day is hourly too: only the last 24 hours have 5-minute points
    path = f"/coins/{coin.coin_id}/market_chart/range"
    return CoinGeckoRequest(coin, path, params, _interval(days, _CHART_DAYS[1:], "1day"))


def _interval(days: int, steps: tuple[tuple[int, str], ...], coarsest: str) -> str:
    return next((name for most, name in steps if days <= most), coarsest)


def _epoch_seconds(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())
