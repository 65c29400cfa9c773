"""What Alpha Vantage is asked for each dataset (https://www.alphavantage.co/documentation/)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from flows.handlers.alphavantage.responses import ACTIONS_KEY, LISTING_HEADER, NEWS_KEY
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import Query

_DAILY: Final = "1day"
_NEWS_LIMIT: Final = "1000"  # the most that there is
_ALL: Final = "ALL"

_INTERVALS: Final = frozenset({"1min", "5min", "15min", "30min", "60min"})
_SYMBOL: Final = re.compile(r"[A-Za-z0-9^][A-Za-z0-9.\-^=:/]{0,23}")
_FX_PAIR: Final = re.compile(r"[A-Za-z]{6}")
_COIN: Final = re.compile(r"([A-Za-z0-9]{2,12})-([A-Za-z]{3,5})(?:=[a-z0-9-]{1,60})?")
_MONTH: Final = re.compile(r"20\d\d-(0[1-9]|1[0-2])")
_SHOWN_CHARS: Final = 40


@dataclass(frozen=True)
class Asked:
    """A query in Alpha Vantage's words.

    `params` are the URL's parameters without the key, `data_key` what the answer must have (see
    `alphavantage_answers.classify`), `symbol` and `interval` under what the record is filed.
    """

    params: Mapping[str, str]
    data_key: str
    symbol: str
    interval: str | None = None


def asked(query: Query) -> Asked:
    """What the query asks; ProviderError(bad_symbol) where it makes no sense, before any call."""
    if query.dataset not in _ASK:
        raise _unusable(f"a dataset of {', '.join(DATASETS)}", query.dataset)
    return _ASK[query.dataset](query)


def _intraday(query: Query) -> Asked:
    """Bars as traded (`adjusted=false`), with pre-market and post-market."""
    interval = _intraday_interval(query)
    if query.month is not None and not _MONTH.fullmatch(query.month):
        raise _unusable("a month like 2024-01, from 2000-01 on", query.month)
    params = {
        "function": "TIME_SERIES_INTRADAY",
        "symbol": _symbol(query),
        "interval": interval,
        "adjusted": "false",
        "extended_hours": "true",
        "outputsize": _output_size(query),
        **({"month": query.month} if query.month else {}),
    }
    return Asked(params, f"Time Series ({interval})", query.symbol, interval)


def _daily(query: Query) -> Asked:
    params = {
        "function": "TIME_SERIES_DAILY",
        "symbol": _symbol(query),
        "outputsize": _output_size(query),
    }
    return Asked(params, "Time Series (Daily)", query.symbol, _DAILY)


def _overview(query: Query) -> Asked:
    return Asked({"function": "OVERVIEW", "symbol": _symbol(query)}, "Symbol", query.symbol)


def _fx_daily(query: Query) -> Asked:
    params = {"function": "FX_DAILY", **_pair(query), "outputsize": _output_size(query)}
    return Asked(params, "Time Series FX (Daily)", query.symbol, _DAILY)


def _fx_intraday(query: Query) -> Asked:
    interval = _intraday_interval(query)
    params = {
        "function": "FX_INTRADAY",
        **_pair(query),
        "interval": interval,
        "outputsize": _output_size(query),
    }
    return Asked(params, f"Time Series FX ({interval})", query.symbol, interval)


def _crypto_daily(query: Query) -> Asked:
    """The whole history that there is: the function knows no output size."""
    coin, market = _coin(query)
    params = {"function": "DIGITAL_CURRENCY_DAILY", "symbol": coin, "market": market}
    return Asked(params, "Time Series (Digital Currency Daily)", f"{coin}-{market}", _DAILY)


def _crypto_intraday(query: Query) -> Asked:
    coin, market = _coin(query)
    interval = _intraday_interval(query)
    params = {
        "function": "CRYPTO_INTRADAY",
        "symbol": coin,
        "market": market,
        "interval": interval,
        "outputsize": _output_size(query),
    }
    return Asked(params, f"Time Series Crypto ({interval})", f"{coin}-{market}", interval)


def _news(query: Query) -> Asked:
    """Articles that name the symbol, newest first; a coin is `CRYPTO:BTC` here. Times are UTC."""
    coin = _COIN.fullmatch(query.symbol)
    params = {
        "function": "NEWS_SENTIMENT",
        "tickers": f"CRYPTO:{coin[1]}" if coin else _symbol(query),
        "sort": "LATEST",
        "limit": _NEWS_LIMIT,
        **({"time_from": _instant(query.start, "0000")} if query.start else {}),
        **({"time_to": _instant(query.end, "2359")} if query.end else {}),
    }
    return Asked(params, NEWS_KEY, query.symbol.partition("=")[0] if coin else query.symbol)


def _splits(query: Query) -> Asked:
    return Asked({"function": "SPLITS", "symbol": _symbol(query)}, ACTIONS_KEY, query.symbol)


def _dividends(query: Query) -> Asked:
    return Asked({"function": "DIVIDENDS", "symbol": _symbol(query)}, ACTIONS_KEY, query.symbol)


def _listing_status(query: Query) -> Asked:
    return _listing(query, "active")


def _delisted_status(query: Query) -> Asked:
    return _listing(query, "delisted")


def _listing(query: Query, state: str) -> Asked:
    """All instruments of one state, in CSV whatever is asked; as of the query's end where it has one."""
    if query.symbol != _ALL:
        raise _unusable(f"the symbol {_ALL}: one answer has all symbols", query.symbol)
    params = {
        "function": "LISTING_STATUS",
        "state": state,
        **({"date": query.end.isoformat()} if query.end else {}),
    }
    return Asked(params, LISTING_HEADER, _ALL)


def _symbol(query: Query) -> str:
    if not _SYMBOL.fullmatch(query.symbol) or ".." in query.symbol:
        raise _unusable("a symbol of at most 24 letters, digits and . - ^ = : /", query.symbol)
    return query.symbol


def _pair(query: Query) -> dict[str, str]:
    if not _FX_PAIR.fullmatch(query.symbol):
        raise _unusable("a currency pair of six letters like EURUSD", query.symbol)
    return {"from_symbol": query.symbol[:3], "to_symbol": query.symbol[3:]}


def _coin(query: Query) -> tuple[str, str]:
    """The coin and the currency it is priced in; what stands behind = is another provider's name."""
    found = _COIN.fullmatch(query.symbol)
    if found is None:
        raise _unusable("a coin and a currency like BTC-USD", query.symbol)
    return found[1], found[2]


def _intraday_interval(query: Query) -> str:
    if query.interval not in _INTERVALS:
        raise _unusable("an interval of 1min, 5min, 15min, 30min, 60min", str(query.interval))
    return query.interval


def _output_size(query: Query) -> str:
    return "full" if query.is_full else "compact"


def _instant(day: date, time: str) -> str:
    return f"{day:%Y%m%d}T{time}"


def _unusable(wanted: str, found: str) -> ProviderError:
    shown = ascii(found[:_SHOWN_CHARS])
    more = f" and {len(found) - _SHOWN_CHARS} characters more" if len(found) > _SHOWN_CHARS else ""
    return ProviderError(ErrorClass.bad_symbol, wanted, f"{shown}{more}")


_ASK: Final[Mapping[str, Callable[[Query], Asked]]] = MappingProxyType(
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

DATASETS: Final = tuple(_ASK)
PREMIUM_DATASETS: Final = frozenset({"intraday", "fx_intraday", "crypto_intraday"})
