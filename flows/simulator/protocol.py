"""From a query to a body, as Alpha Vantage would write it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from flows.simulator import messages
from flows.simulator.disturb import correct, disarrange, drop_late
from flows.simulator.faults import Fault
from flows.simulator.market import Market
from flows.simulator.overview import overview
from flows.simulator.series import Point, Series, render_csv, render_json

JSON_TYPE = "application/json"
CSV_TYPE = "application/x-download"

_COMPACT_POINTS = 100
_TRAILING = timedelta(days=30)
_ZONE = "US/Eastern"
_INTERVALS = {"1min": 1, "5min": 5, "15min": 15, "30min": 30, "60min": 60}
_SIZES = {"compact": "Compact", "full": "Full size"}
_MONTH_FORMAT = "%Y-%m"


@dataclass(frozen=True)
class Query:
    """What was asked, apart from the key; a currency pair is the symbol "EURUSD"."""

    function: str
    symbol: str = ""
    interval: str = ""
    month: str = ""
    outputsize: str = "compact"
    datatype: str = "json"


@dataclass(frozen=True)
class Body:
    """The bytes of an answer; `is_simulated` when any value in it was drawn and not observed."""

    content: bytes
    content_type: str = JSON_TYPE
    is_simulated: bool = False


@dataclass(frozen=True)
class _Feed:
    """Bars before faults, and how to head them."""

    points: Sequence[Point]
    information: str
    title: str
    is_drawn: bool
    head: Callable[[str, Point], tuple[tuple[str, str], ...]]  # from the size and the newest bar


def read_query(params: Mapping[str, str]) -> Query:
    """The query that the parameters spell; adjusted and extended_hours make no difference here.

    The histories are neither split nor adjusted within the year, and bars outside regular hours are absent.
    """
    pair = params.get("from_symbol", "") + params.get("to_symbol", "")
    return Query(
        function=params.get("function", "").upper(),
        symbol=params.get("symbol", pair).upper(),
        interval=params.get("interval", ""),
        month=params.get("month", ""),
        outputsize=params.get("outputsize", "compact"),
        datatype=params.get("datatype", "json"),
    )


def answer(query: Query, market: Market, now: datetime, faults: Sequence[Fault] = ()) -> Body:
    """The body for a query at an instant; faults of transport are not applied here."""
    if query.function == "OVERVIEW":
        return _overview_body(query, market, now)
    if query.function not in _FEEDS:
        return Body(messages.render(messages.unknown_function(query.function)))
    feed = _FEEDS[query.function](query, market, now)
    if feed is None or query.outputsize not in _SIZES:
        return Body(messages.render(messages.invalid_call(query.function)))
    return _series_body(query, feed, now, faults)


def _series_body(query: Query, feed: _Feed, now: datetime, faults: Sequence[Fault]) -> Body:
    arrived = drop_late(feed.points, faults, now)
    points = correct(arrived, faults, query.symbol, now)
    if query.outputsize == "compact":
        points = points[:_COMPACT_POINTS]
    if not points:
        return Body(messages.render(messages.invalid_call(query.function)))
    is_simulated = feed.is_drawn or any(mine != real for mine, real in zip(points, arrived, strict=False))
    information = f"{feed.information} (SIMULATED)" if is_simulated else feed.information
    meta = (("Information", information), *feed.head(_SIZES[query.outputsize], points[0]))
    series = Series(meta, feed.title, disarrange(points, faults, query.symbol))
    if query.datatype == "csv":
        return Body(render_csv(series), CSV_TYPE, is_simulated)
    return Body(render_json(series), JSON_TYPE, is_simulated)


def _daily(query: Query, market: Market, now: datetime) -> _Feed | None:
    return _Feed(
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


def _intraday(query: Query, market: Market, now: datetime) -> _Feed | None:
    if query.interval not in _INTERVALS or not _is_month(query.month):
        return None
    return _Feed(
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


def _fx(query: Query, market: Market, now: datetime) -> _Feed | None:
    base, quote = query.symbol[:3], query.symbol[3:]
    return _Feed(
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


def _overview_body(query: Query, market: Market, now: datetime) -> Body:
    """The fundamentals, or Alpha Vantage's `{}` for a symbol it does not know."""
    bars = market.daily_bars(query.symbol, now)
    if not bars:
        return Body(b"{}")
    company, first_close = market.company(query.symbol), market.history(query.symbol)[0].close
    fields = overview(market.seed, query.symbol, company, bars, first_close)
    return Body(json.dumps(fields, indent=4).encode(), is_simulated=True)


def _is_month(text: str) -> bool:
    """Whether it is YYYY-MM, or nothing."""
    try:
        return not text or date.fromisoformat(f"{text}-01").strftime(_MONTH_FORMAT) == text
    except ValueError:
        return False


_FEEDS = {"TIME_SERIES_DAILY": _daily, "TIME_SERIES_INTRADAY": _intraday, "FX_DAILY": _fx}
