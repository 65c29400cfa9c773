"""A query in CoinGecko's words, and how fine the points are that it brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

from flows.handlers.coingecko.coins import Coin, read_coin, unusable
from flows.handlers.models import Query

DATASETS: Final = ("market_chart", "ohlc", "markets")

# Up to how many days back a call brings the interval; more is 1day (market_chart) or 4day (ohlc).
# https://docs.coingecko.com/reference/coins-id-market-chart and .../coins-id-ohlc
HOURLY_DAYS: Final = 90
_CHART_DAYS: Final = ((1, "5min"), (HOURLY_DAYS, "60min"))
_OHLC_DAYS: Final = ((2, "30min"), (30, "4hour"))


@dataclass(frozen=True)
class Reach:
    """How many days back a call without a range reaches, and with it how fine its points are."""

    chart_days: int = 1
    ohlc_days: int = 1


@dataclass(frozen=True)
class Question:
    """A query in CoinGecko's words: path below the base URL, parameters, and the interval it brings."""

    coin: Coin
    path: str
    params: Mapping[str, str]
    interval: str | None

    @property
    def canonical(self) -> str:
        """How the request of an answer to it ends."""
        return f"{self.path}?{urlencode(sorted(self.params.items()))}"


def question(query: Query, reach: Reach) -> Question:
    """What to ask CoinGecko, a range (both days included, UTC) for market_chart only.

    Raises ProviderError(bad_symbol) for a query that makes no sense.
    """
    coin = read_coin(query.symbol)
    has_range = query.start is not None or query.end is not None
    match query.dataset:
        case "market_chart":
            return _range_question(coin, query) if has_range else _chart_question(coin, query, reach)
        case "ohlc" | "markets" if has_range or query.interval:
            raise unusable(f"{query.dataset} without range and interval", f"{query.start} {query.interval}")
        case "ohlc":
            params = {"vs_currency": coin.currency, "days": str(reach.ohlc_days)}
            return Question(
                coin, f"/coins/{coin.coin_id}/ohlc", params, _interval(reach.ohlc_days, _OHLC_DAYS, "4day")
            )
        case "markets":
            params = {"vs_currency": coin.currency, "ids": coin.coin_id}
            return Question(coin, "/coins/markets", params, None)
    raise unusable(f"a dataset of {', '.join(DATASETS)}", query.dataset)


def _chart_question(coin: Coin, query: Query, reach: Reach) -> Question:
    params = {"vs_currency": coin.currency, "days": str(reach.chart_days)}
    path = f"/coins/{coin.coin_id}/market_chart"
    if query.interval is None:
        return Question(coin, path, params, _interval(reach.chart_days, _CHART_DAYS, "1day"))
    if query.interval != "1day":
        raise unusable("no interval (CoinGecko chooses it by the days) or 1day", query.interval)
    return Question(coin, path, {**params, "interval": "daily"}, "1day")


def _range_question(coin: Coin, query: Query) -> Question:
    if query.start is None or query.end is None or query.start > query.end or query.interval:
        raise unusable(
            "a range with a start and an end after it, without interval", f"{query.start} {query.end}"
        )
    first, after = _epoch_seconds(query.start), _epoch_seconds(query.end + timedelta(days=1))
    params = {"vs_currency": coin.currency, "from": str(first), "to": str(after)}
    days = (query.end - query.start).days + 1
    # one day of the past comes by the hour, too: only the last 24 hours are finer
    path = f"/coins/{coin.coin_id}/market_chart/range"
    return Question(coin, path, params, _interval(days, _CHART_DAYS[1:], "1day"))


def _interval(days: int, steps: tuple[tuple[int, str], ...], coarsest: str) -> str:
    return next((name for most, name in steps if days <= most), coarsest)


def _epoch_seconds(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())
