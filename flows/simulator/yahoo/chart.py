"""The body of a chart, with data faults applied."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flows.simulator.data_faults import correct_points, drop_late_points, repeat_and_shuffle
from flows.simulator.faults import Fault
from flows.simulator.market.market import Market
from flows.simulator.market.series_point import SeriesPoint
from flows.simulator.market.sessions import NEW_YORK, OPENING_TIME, as_instant
from flows.simulator.yahoo.chart_request import (
    CURRENCY_PAIR,
    INTERVAL_MINUTES,
    ChartRequest,
    watch_list_symbol,
)

_LONDON = ZoneInfo("Europe/London")


@dataclass(frozen=True)
class _ChartPoints:
    """Points before data faults, newest first; `starts_at` gives the start of a bar from its key."""

    points: Sequence[SeriesPoint]
    starts_at: Callable[[str], datetime]
    is_generated: bool


@dataclass(frozen=True)
class _Listing:
    """What `meta` says about a symbol besides its prices."""

    kind: str
    exchange: str
    currency: str
    zone: ZoneInfo
    name: str | None


@dataclass(frozen=True)
class YahooChart:
    """The bytes of a chart; `is_simulated` if any value in it is generated rather than observed."""

    content: bytes
    is_simulated: bool


def yahoo_chart(
    market: Market, request: ChartRequest, faults: Sequence[Fault], now: datetime
) -> YahooChart | None:
    """The chart of a symbol, or None if the symbol is unknown."""
    chart_points = _chart_points(market, request, now)
    if chart_points is None:
        return None
    symbol, starts_at = watch_list_symbol(request.symbol), chart_points.starts_at
    arrived = drop_late_points(chart_points.points, faults, now)
    corrected = correct_points(arrived, faults, symbol, now)
    in_range = [point for point in corrected if request.start <= starts_at(point.key) <= request.end]
    points = list(reversed(repeat_and_shuffle(in_range, faults, symbol)))
    meta = _meta(request, _listing(market, request.symbol), corrected, now)
    result = {"meta": meta, **_rows(points, starts_at, request.interval)}
    body = json.dumps({"chart": {"result": [result], "error": None}}, separators=(",", ":"))
    return YahooChart(body.encode(), chart_points.is_generated or list(corrected) != list(arrived))


def _listing(market: Market, symbol: str) -> _Listing:
    if pair := CURRENCY_PAIR.fullmatch(symbol):
        return _Listing("CURRENCY", "CCY", pair[2], _LONDON, f"{pair[1]}/{pair[2]}")
    company = market.company(watch_list_symbol(symbol))
    return _Listing("EQUITY", "NYQ", "USD", NEW_YORK, company.name if company else None)


def _chart_points(market: Market, request: ChartRequest, now: datetime) -> _ChartPoints | None:
    """None for an unknown symbol. Exchange rates have no intraday bars here: their chart has no rows."""
    if pair := CURRENCY_PAIR.fullmatch(request.symbol):
        rates = market.fx_points(pair[1], pair[2], now)
        points = rates if request.interval == "1d" else ()
        return _ChartPoints(points, _midnight_in_london, is_generated=True) if rates else None
    symbol = watch_list_symbol(request.symbol)
    if not market.history(symbol) or "." in request.symbol:
        return None
    if request.interval == "1d":
        return _ChartPoints(market.daily_points(symbol, now), _opening_in_new_york, is_generated=False)
    first, last = (at.astimezone(NEW_YORK).date() for at in (request.start, request.end))
    days = [day for day in market.sessions(symbol, now) if first <= day <= last]
    points = market.intraday_points(symbol, INTERVAL_MINUTES[request.interval], days, now)
    return _ChartPoints(points, lambda key: as_instant(datetime.fromisoformat(key)), is_generated=True)


def _opening_in_new_york(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), OPENING_TIME, NEW_YORK)


def _midnight_in_london(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(0), _LONDON)


def _rows(
    points: Sequence[SeriesPoint], starts_at: Callable[[str], datetime], interval: str
) -> dict[str, object]:
    """The columns, oldest first; without bars Yahoo gives neither `timestamp` nor a column."""
    if not points:
        return {"indicators": {"quote": [{}]}}
    names = ("open", "high", "low", "close")
    quote: dict[str, list[float | int]] = {
        name: [float(getattr(point, name)) for point in points] for name in names
    }
    quote["volume"] = [point.volume or 0 for point in points]
    adjusted = {"adjclose": [{"adjclose": quote["close"]}]} if interval == "1d" else {}
    times = [int(starts_at(point.key).timestamp()) for point in points]
    return {"timestamp": times, "indicators": {"quote": [quote], **adjusted}}


def _meta(
    request: ChartRequest, listing: _Listing, points: Sequence[SeriesPoint], now: datetime
) -> Mapping[str, object]:
    newest = points[0] if points else None
    offset = now.astimezone(listing.zone).utcoffset() or timedelta(0)
    return {
        "currency": listing.currency,
        "symbol": request.symbol,
        "exchangeName": listing.exchange,
        "instrumentType": listing.kind,
        "regularMarketTime": int(newest.published_at.timestamp()) if newest else None,
        "gmtoffset": int(offset.total_seconds()),
        "timezone": now.astimezone(listing.zone).tzname(),
        "exchangeTimezoneName": listing.zone.key,
        "regularMarketPrice": float(newest.close) if newest else None,
        **({"longName": listing.name, "shortName": listing.name} if listing.name else {}),
        "priceHint": 2,
        "dataGranularity": request.interval.replace("60m", "1h"),
        "range": "",
    }
