"""The time series of Alpha Vantage's functions, with their Meta Data, before data faults."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from flows.simulator.market.continuous_bars import coin_bars, coin_days, coin_name, fx_day_bars, is_known_coin
from flows.simulator.market.market import Market
from flows.simulator.market.series_point import SeriesPoint

COMPACT_POINTS = 100
OUTPUT_SIZES = {"compact": "Compact", "full": "Full size"}
_TRAILING = timedelta(days=30)
_TRAILING_DAYS = {"compact": 6, "full": 22}  # of intraday bars of currencies and coins
_ZONE = "US/Eastern"
_INTERVALS = {"1min": 1, "5min": 5, "15min": 15, "30min": 30, "60min": 60}
_MONTH_FORMAT = "%Y-%m"
_EXTRA_PARAMETERS = ("state", "limit", "sort", "time_from", "time_to")

Heading = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class AlphaVantageQuery:
    """A request's parameters without the key; a currency pair has the symbol "EURUSD", a coin "BTC-USD"."""

    function: str
    symbol: str = ""
    interval: str = ""
    month: str = ""
    outputsize: str = "compact"
    datatype: str = "json"
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)  # of functions that are no time series


@dataclass(frozen=True)
class TimeSeries:
    """Points before data faults, newest first, and the texts that go with them."""

    points: Sequence[SeriesPoint]
    information: str
    title: str
    is_generated: bool
    heading: Callable[[str, SeriesPoint], Heading]  # from the size and the newest point
    has_sizes: bool = True  # whether outputsize=compact, the default, shortens it


def read_query(params: Mapping[str, str]) -> AlphaVantageQuery:
    """The query of these parameters; `adjusted` and `extended_hours` have no effect here.

    The histories are neither split nor adjusted within the year, and there are no bars outside regular hours.
    """
    pair = params.get("from_symbol", "") + params.get("to_symbol", "")
    symbol = params.get("symbol") or params.get("tickers") or pair
    symbol = f"{symbol}-{params['market']}" if "market" in params else symbol
    return AlphaVantageQuery(
        function=params.get("function", "").upper(),
        symbol=symbol.upper(),
        interval=params.get("interval", ""),
        month=params.get("month", ""),
        outputsize=params.get("outputsize", "compact"),
        datatype=params.get("datatype", "json"),
        extra={name: params[name] for name in _EXTRA_PARAMETERS if name in params},
    )


def _daily(query: AlphaVantageQuery, market: Market, now: datetime) -> TimeSeries | None:
    return TimeSeries(
        points=market.daily_points(query.symbol, now),
        information="Daily Prices (open, high, low, close) and Volumes",
        title="Time Series (Daily)",
        is_generated=False,
        heading=lambda size, newest: (
            ("Symbol", query.symbol),
            ("Last Refreshed", newest.key),
            ("Output Size", size),
            ("Time Zone", _ZONE),
        ),
    )


def _intraday(query: AlphaVantageQuery, market: Market, now: datetime) -> TimeSeries | None:
    if query.interval not in _INTERVALS or not _is_month(query.month):
        return None
    return TimeSeries(
        points=_intraday_points(query, market, now),
        information=f"Intraday ({query.interval}) open, high, low, close prices and volume",
        title=f"Time Series ({query.interval})",
        is_generated=True,
        heading=lambda size, newest: (
            ("Symbol", query.symbol),
            *_interval_heading(query, newest, size, _ZONE),
        ),
    )


def _intraday_points(query: AlphaVantageQuery, market: Market, now: datetime) -> Sequence[SeriesPoint]:
    """The published points of the requested month or, without a month, of the trailing 30 days."""
    sessions = market.sessions(query.symbol, now)
    if query.month:
        days = [day for day in sessions if day.strftime(_MONTH_FORMAT) == query.month]
    else:
        days = [day for day in sessions if day > sessions[-1] - _TRAILING]
    return market.intraday_points(query.symbol, _INTERVALS[query.interval], days, now)


def _fx_daily(query: AlphaVantageQuery, market: Market, now: datetime) -> TimeSeries | None:
    base, quote = query.symbol[:3], query.symbol[3:]
    return TimeSeries(
        points=market.fx_points(base, quote, now),
        information="Forex Daily Prices (open, high, low, close)",
        title="Time Series FX (Daily)",
        is_generated=True,
        heading=lambda size, newest: (
            ("From Symbol", base),
            ("To Symbol", quote),
            ("Output Size", size),
            ("Last Refreshed", f"{newest.published_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"),
            ("Time Zone", "UTC"),
        ),
    )


def _fx_intraday(query: AlphaVantageQuery, market: Market, now: datetime) -> TimeSeries | None:
    if query.interval not in _INTERVALS:
        return None
    base, quote = query.symbol[:3], query.symbol[3:]
    days = market.fx_days(base, quote, now)[: _TRAILING_DAYS.get(query.outputsize, 0)]
    minutes = _INTERVALS[query.interval]
    return TimeSeries(
        points=[point for day in days for point in fx_day_bars(market.seed, query.symbol, day, minutes, now)],
        information=f"FX Intraday ({query.interval}) Time Series",
        title=f"Time Series FX ({query.interval})",
        is_generated=True,
        heading=lambda size, newest: (
            ("From Symbol", base),
            ("To Symbol", quote),
            *_interval_heading(query, newest, size, "UTC"),
        ),
    )


def _crypto_daily(query: AlphaVantageQuery, market: Market, now: datetime) -> TimeSeries | None:
    coin, _, currency = query.symbol.partition("-")
    if not is_known_coin(coin, currency):
        return None
    return TimeSeries(
        points=coin_days(market.seed, coin, currency, now),
        information="Daily Prices and Volumes for Digital Currency",
        title="Time Series (Digital Currency Daily)",
        is_generated=True,
        heading=lambda _size, newest: (
            *_coin_heading(coin, currency),
            ("Last Refreshed", f"{newest.key} 00:00:00"),
            ("Time Zone", "UTC"),
        ),
        has_sizes=False,
    )


def _crypto_intraday(query: AlphaVantageQuery, market: Market, now: datetime) -> TimeSeries | None:
    coin, _, currency = query.symbol.partition("-")
    if not is_known_coin(coin, currency) or query.interval not in _INTERVALS:
        return None
    minutes = _INTERVALS[query.interval]
    count = COMPACT_POINTS if query.outputsize == "compact" else 24 * 60 // minutes * _TRAILING_DAYS["full"]
    return TimeSeries(
        points=coin_bars(market.seed, coin, currency, minutes, now, count),
        information=f"Crypto Intraday ({query.interval}) Time Series",
        title=f"Time Series Crypto ({query.interval})",
        is_generated=True,
        heading=lambda size, newest: (
            *_coin_heading(coin, currency),
            *_interval_heading(query, newest, size, "UTC"),
        ),
    )


def _coin_heading(coin: str, currency: str) -> Heading:
    return (
        ("Digital Currency Code", coin),
        ("Digital Currency Name", coin_name(coin)),
        ("Market Code", currency),
        ("Market Name", currency),
    )


def _interval_heading(query: AlphaVantageQuery, newest: SeriesPoint, size: str, zone: str) -> Heading:
    return (
        ("Last Refreshed", newest.key),
        ("Interval", query.interval),
        ("Output Size", size),
        ("Time Zone", zone),
    )


def _is_month(text: str) -> bool:
    """Whether the text is YYYY-MM or empty."""
    try:
        return not text or date.fromisoformat(f"{text}-01").strftime(_MONTH_FORMAT) == text
    except ValueError:
        return False


TIME_SERIES: Mapping[str, Callable[[AlphaVantageQuery, Market, datetime], TimeSeries | None]] = {
    "TIME_SERIES_DAILY": _daily,
    "TIME_SERIES_INTRADAY": _intraday,
    "FX_DAILY": _fx_daily,
    "FX_INTRADAY": _fx_intraday,
    "DIGITAL_CURRENCY_DAILY": _crypto_daily,
    "CRYPTO_INTRADAY": _crypto_intraday,
}
