"""Time series before faults, each with its heading, as Alpha Vantage's functions have them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from flows.simulator.alphavantage.rendering import Point
from flows.simulator.market.continuous_bars import coin_bars, coin_days, coin_name, fx_day_bars, is_known_coin
from flows.simulator.market.market import Market

COMPACT_POINTS = 100
SIZES = {"compact": "Compact", "full": "Full size"}
_TRAILING = timedelta(days=30)
_TRAILING_DAYS = {"compact": 6, "full": 22}  # of currencies and coins within the day
_ZONE = "US/Eastern"
_INTERVALS = {"1min": 1, "5min": 5, "15min": 15, "30min": 30, "60min": 60}
_MONTH_FORMAT = "%Y-%m"
_OTHER = ("state", "limit", "sort", "time_from", "time_to")

Heading = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Query:
    """What was asked, apart from the key; a currency pair is the symbol "EURUSD", a coin "BTC-USD"."""

    function: str
    symbol: str = ""
    interval: str = ""
    month: str = ""
    outputsize: str = "compact"
    datatype: str = "json"
    other: Mapping[str, str] = field(default_factory=dict, hash=False)  # of functions that are no series


@dataclass(frozen=True)
class Feed:
    """Bars before faults, and how to head them."""

    points: Sequence[Point]
    information: str
    title: str
    is_drawn: bool
    head: Callable[[str, Point], Heading]  # from the size and the newest bar
    has_sizes: bool = True  # whether outputsize=compact, the default, cuts it


def read_query(params: Mapping[str, str]) -> Query:
    """The query that the parameters spell; adjusted and extended_hours make no difference here.

    The histories are neither split nor adjusted within the year, and bars outside regular hours are absent.
    """
    pair = params.get("from_symbol", "") + params.get("to_symbol", "")
    asked_for = params.get("symbol") or params.get("tickers") or pair
    coin = f"{asked_for}-{params['market']}" if "market" in params else asked_for
    return Query(
        function=params.get("function", "").upper(),
        symbol=coin.upper(),
        interval=params.get("interval", ""),
        month=params.get("month", ""),
        outputsize=params.get("outputsize", "compact"),
        datatype=params.get("datatype", "json"),
        other={name: params[name] for name in _OTHER if name in params},
    )


def _daily(query: Query, market: Market, now: datetime) -> Feed | None:
    return Feed(
        points=market.daily_points(query.symbol, now),
        information="Daily Prices (open, high, low, close) and Volumes",
        title="Time Series (Daily)",
        is_drawn=False,
        head=lambda size, newest: (
            ("Symbol", query.symbol),
            ("Last Refreshed", newest.key),
            ("Output Size", size),
            ("Time Zone", _ZONE),
        ),
    )


def _intraday(query: Query, market: Market, now: datetime) -> Feed | None:
    if query.interval not in _INTERVALS or not _is_month(query.month):
        return None
    return Feed(
        points=_intraday_window(query, market, now),
        information=f"Intraday ({query.interval}) open, high, low, close prices and volume",
        title=f"Time Series ({query.interval})",
        is_drawn=True,
        head=lambda size, newest: (
            ("Symbol", query.symbol),
            ("Last Refreshed", newest.key),
            ("Interval", query.interval),
            ("Output Size", size),
            ("Time Zone", _ZONE),
        ),
    )


def _intraday_window(query: Query, market: Market, now: datetime) -> Sequence[Point]:
    """The month asked for, or the trailing 30 days of what is published."""
    sessions = market.sessions(query.symbol, now)
    if query.month:
        wanted = [day for day in sessions if day.strftime(_MONTH_FORMAT) == query.month]
    else:
        wanted = [day for day in sessions if day > sessions[-1] - _TRAILING]
    return market.intraday_points(query.symbol, _INTERVALS[query.interval], wanted, now)


def _fx(query: Query, market: Market, now: datetime) -> Feed | None:
    base, quote = query.symbol[:3], query.symbol[3:]
    return Feed(
        points=market.fx_points(base, quote, now),
        information="Forex Daily Prices (open, high, low, close)",
        title="Time Series FX (Daily)",
        is_drawn=True,
        head=lambda size, newest: (
            ("From Symbol", base),
            ("To Symbol", quote),
            ("Output Size", size),
            ("Last Refreshed", f"{newest.published_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"),
            ("Time Zone", "UTC"),
        ),
    )


def _fx_intraday(query: Query, market: Market, now: datetime) -> Feed | None:
    if query.interval not in _INTERVALS:
        return None
    base, quote = query.symbol[:3], query.symbol[3:]
    days = market.fx_days(base, quote, now)[: _TRAILING_DAYS.get(query.outputsize, 0)]
    minutes = _INTERVALS[query.interval]
    return Feed(
        points=[point for day in days for point in fx_day_bars(market.seed, query.symbol, day, minutes, now)],
        information=f"FX Intraday ({query.interval}) Time Series",
        title=f"Time Series FX ({query.interval})",
        is_drawn=True,
        head=lambda size, newest: (
            ("From Symbol", base),
            ("To Symbol", quote),
            ("Last Refreshed", newest.key),
            ("Interval", query.interval),
            ("Output Size", size),
            ("Time Zone", "UTC"),
        ),
    )


def _crypto_daily(query: Query, market: Market, now: datetime) -> Feed | None:
    coin, _, currency = query.symbol.partition("-")
    if not is_known_coin(coin, currency):
        return None
    return Feed(
        points=coin_days(market.seed, coin, currency, now),
        information="Daily Prices and Volumes for Digital Currency",
        title="Time Series (Digital Currency Daily)",
        is_drawn=True,
        head=lambda _size, newest: (
            *_coin_heading(coin, currency),
            ("Last Refreshed", f"{newest.key} 00:00:00"),
            ("Time Zone", "UTC"),
        ),
        has_sizes=False,
    )


def _crypto_intraday(query: Query, market: Market, now: datetime) -> Feed | None:
    coin, _, currency = query.symbol.partition("-")
    if not is_known_coin(coin, currency) or query.interval not in _INTERVALS:
        return None
    minutes = _INTERVALS[query.interval]
    count = COMPACT_POINTS if query.outputsize == "compact" else 24 * 60 // minutes * _TRAILING_DAYS["full"]
    return Feed(
        points=coin_bars(market.seed, coin, currency, minutes, now, count),
        information=f"Crypto Intraday ({query.interval}) Time Series",
        title=f"Time Series Crypto ({query.interval})",
        is_drawn=True,
        head=lambda size, newest: (
            *_coin_heading(coin, currency),
            ("Last Refreshed", newest.key),
            ("Interval", query.interval),
            ("Output Size", size),
            ("Time Zone", "UTC"),
        ),
    )


def _coin_heading(coin: str, currency: str) -> Heading:
    return (
        ("Digital Currency Code", coin),
        ("Digital Currency Name", coin_name(coin)),
        ("Market Code", currency),
        ("Market Name", currency),
    )


def _is_month(text: str) -> bool:
    """Whether it is YYYY-MM, or nothing."""
    try:
        return not text or date.fromisoformat(f"{text}-01").strftime(_MONTH_FORMAT) == text
    except ValueError:
        return False


FEEDS: Mapping[str, Callable[[Query, Market, datetime], Feed | None]] = {
    "TIME_SERIES_DAILY": _daily,
    "TIME_SERIES_INTRADAY": _intraday,
    "FX_DAILY": _fx,
    "FX_INTRADAY": _fx_intraday,
    "DIGITAL_CURRENCY_DAILY": _crypto_daily,
    "CRYPTO_INTRADAY": _crypto_intraday,
}
