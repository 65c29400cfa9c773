"""The requests to Alpha Vantage, one per dataset (https://www.alphavantage.co/documentation/)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from flows.handlers.alphavantage.responses import ACTIONS_KEY, LISTING_HEADER, NEWS_KEY
from flows.handlers.errors import invalid_query
from flows.handlers.models import Query

_DAILY: Final = "1day"
_NEWS_LIMIT: Final = "1000"  # the maximum
_ALL: Final = "ALL"

_INTERVALS: Final = frozenset({"1min", "5min", "15min", "30min", "60min"})
_SYMBOL: Final = re.compile(r"[A-Za-z0-9^][A-Za-z0-9.\-^=:/]{0,23}")
_FX_PAIR: Final = re.compile(r"[A-Za-z]{6}")
_COIN: Final = re.compile(r"([A-Za-z0-9]{2,12})-([A-Za-z]{3,5})(?:=[a-z0-9-]{1,60})?")
_MONTH: Final = re.compile(r"20\d\d-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class AlphaVantageRequest:
    """A query in Alpha Vantage's terms.

    `params` are the URL's parameters without the key, `data_key` is what the response must contain (see
    `responses.classify_response`), `symbol` and `interval` are those of the payload.
    """

    params: Mapping[str, str]
    data_key: str
    symbol: str
    interval: str | None = None


def endpoint_request(query: Query) -> AlphaVantageRequest:
    """The request for the query; ProviderError(bad_symbol) if it is invalid, before any call."""
    if query.dataset not in _REQUEST_OF_DATASET:
        raise invalid_query(f"one of the datasets {', '.join(DATASETS)}", query.dataset)
    return _REQUEST_OF_DATASET[query.dataset](query)


def _intraday(query: Query) -> AlphaVantageRequest:
    """Unadjusted bars (`adjusted=false`), including pre-market and post-market."""
    interval = _intraday_interval(query)
    if query.month is not None and not _MONTH.fullmatch(query.month):
        raise invalid_query("a month like 2024-01, from 2000-01 on", query.month)
    params = {
        "function": "TIME_SERIES_INTRADAY",
        "symbol": _symbol(query),
        "interval": interval,
        "adjusted": "false",
        "extended_hours": "true",
        "outputsize": _output_size(query),
        **({"month": query.month} if query.month else {}),
    }
    return AlphaVantageRequest(params, f"Time Series ({interval})", query.symbol, interval)


def _daily(query: Query) -> AlphaVantageRequest:
    params = {
        "function": "TIME_SERIES_DAILY",
        "symbol": _symbol(query),
        "outputsize": _output_size(query),
    }
    return AlphaVantageRequest(params, "Time Series (Daily)", query.symbol, _DAILY)


def _overview(query: Query) -> AlphaVantageRequest:
    return AlphaVantageRequest({"function": "OVERVIEW", "symbol": _symbol(query)}, "Symbol", query.symbol)


def _fx_daily(query: Query) -> AlphaVantageRequest:
    params = {"function": "FX_DAILY", **_pair(query), "outputsize": _output_size(query)}
    return AlphaVantageRequest(params, "Time Series FX (Daily)", query.symbol, _DAILY)


def _fx_intraday(query: Query) -> AlphaVantageRequest:
    interval = _intraday_interval(query)
    params = {
        "function": "FX_INTRADAY",
        **_pair(query),
        "interval": interval,
        "outputsize": _output_size(query),
    }
    return AlphaVantageRequest(params, f"Time Series FX ({interval})", query.symbol, interval)


def _crypto_daily(query: Query) -> AlphaVantageRequest:
    """Always the whole history: the function has no output size."""
    coin, market = _coin(query)
    params = {"function": "DIGITAL_CURRENCY_DAILY", "symbol": coin, "market": market}
    return AlphaVantageRequest(params, "Time Series (Digital Currency Daily)", f"{coin}-{market}", _DAILY)


def _crypto_intraday(query: Query) -> AlphaVantageRequest:
    coin, market = _coin(query)
    interval = _intraday_interval(query)
    params = {
        "function": "CRYPTO_INTRADAY",
        "symbol": coin,
        "market": market,
        "interval": interval,
        "outputsize": _output_size(query),
    }
    return AlphaVantageRequest(params, f"Time Series Crypto ({interval})", f"{coin}-{market}", interval)


def _news(query: Query) -> AlphaVantageRequest:
    """Articles that mention the symbol, newest first; a coin is spelled `CRYPTO:BTC`. Times are in UTC."""
    coin = _COIN.fullmatch(query.symbol)
    params = {
        "function": "NEWS_SENTIMENT",
        "tickers": f"CRYPTO:{coin[1]}" if coin else _symbol(query),
        "sort": "LATEST",
        "limit": _NEWS_LIMIT,
        **({"time_from": _instant(query.start, "0000")} if query.start else {}),
        **({"time_to": _instant(query.end, "2359")} if query.end else {}),
    }
    return AlphaVantageRequest(params, NEWS_KEY, query.symbol.partition("=")[0] if coin else query.symbol)


def _splits(query: Query) -> AlphaVantageRequest:
    return AlphaVantageRequest({"function": "SPLITS", "symbol": _symbol(query)}, ACTIONS_KEY, query.symbol)


def _dividends(query: Query) -> AlphaVantageRequest:
    return AlphaVantageRequest({"function": "DIVIDENDS", "symbol": _symbol(query)}, ACTIONS_KEY, query.symbol)


def _listing_status(query: Query) -> AlphaVantageRequest:
    return _listing(query, "active")


def _delisted_status(query: Query) -> AlphaVantageRequest:
    return _listing(query, "delisted")


def _listing(query: Query, state: str) -> AlphaVantageRequest:
    """All instruments of one state, always as CSV; as of the query's end date if it has one."""
    if query.symbol != _ALL:
        raise invalid_query(f"the symbol {_ALL}, because one response has all symbols", query.symbol)
    params = {
        "function": "LISTING_STATUS",
        "state": state,
        **({"date": query.end.isoformat()} if query.end else {}),
    }
    return AlphaVantageRequest(params, LISTING_HEADER, _ALL)


def _symbol(query: Query) -> str:
    if not _SYMBOL.fullmatch(query.symbol) or ".." in query.symbol:
        raise invalid_query("a symbol of at most 24 letters, digits and . - ^ = : /", query.symbol)
    return query.symbol


def _pair(query: Query) -> dict[str, str]:
    if not _FX_PAIR.fullmatch(query.symbol):
        raise invalid_query("a currency pair of six letters like EURUSD", query.symbol)
    return {"from_symbol": query.symbol[:3], "to_symbol": query.symbol[3:]}


def _coin(query: Query) -> tuple[str, str]:
    """The coin and the currency of its price; the part after = is another provider's name."""
    match = _COIN.fullmatch(query.symbol)
    if match is None:
        raise invalid_query("a coin and a currency like BTC-USD", query.symbol)
    return match[1], match[2]


def _intraday_interval(query: Query) -> str:
    if query.interval not in _INTERVALS:
        raise invalid_query("one of the intervals 1min, 5min, 15min, 30min, 60min", str(query.interval))
    return query.interval


def _output_size(query: Query) -> str:
    return "full" if query.is_full else "compact"


def _instant(day: date, time: str) -> str:
    return f"{day:%Y%m%d}T{time}"


_REQUEST_OF_DATASET: Final[Mapping[str, Callable[[Query], AlphaVantageRequest]]] = MappingProxyType(
    {
        "intraday": _intraday,
        "daily": _daily,
        "overview": _overview,
        "fx_daily": _fx_daily,
        "fx_intraday": _fx_intraday,
        "crypto_daily": _crypto_daily,
        "crypto_intraday": _crypto_intraday,
        "news": _news,
        "splits": _splits,
        "dividends": _dividends,
        "listing_status": _listing_status,
        "delisted_status": _delisted_status,
    }
)

DATASETS: Final = tuple(_REQUEST_OF_DATASET)
PREMIUM_DATASETS: Final = frozenset({"intraday", "fx_intraday", "crypto_intraday"})
