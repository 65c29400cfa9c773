"""Yahoo's chart service: `/yahoo/v8/finance/chart/{symbol}`, over the same histories as Alpha Vantage.

Daily bars are real, so there are no split or dividend events; intraday bars and exchange rates are generated.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from flows.simulator.data_faults import correct_points, drop_late_points, repeat_and_shuffle
from flows.simulator.faults import Fault
from flows.simulator.http_response import SIMULATED_HEADER, TEXT_TYPE, SimulatedResponse
from flows.simulator.market.market import Market
from flows.simulator.market.series_point import SeriesPoint
from flows.simulator.market.sessions import NEW_YORK, OPENING_TIME, as_instant
from flows.simulator.provider_simulator import SimulatedRequest, SimulatorContext

_JSON_TYPE = "application/json;charset=utf-8"
_LONDON = ZoneInfo("Europe/London")
_MINUTES = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "60m": 60, "1h": 60}
_RANGE_DAYS = {"1d": 1, "5d": 7, "1mo": 31, "3mo": 92, "6mo": 183, "1y": 366, "2y": 731, "5y": 1827}
_ALL_DAYS = 40_000
# How far back an interval reaches, and how much of it one request may span.
_HISTORY_DAYS = {"1m": 30, "5m": 60, "15m": 60, "30m": 60, "60m": 730, "1h": 730}
_MAX_REQUEST_DAYS = {"1m": 8}
_SHARE_CLASS = re.compile(r"([A-Z]+)-([AB])")
_CURRENCY_PAIR = re.compile(r"([A-Z]{3})([A-Z]{3})=X")
_NOT_FOUND = ("Not Found", "No data found, symbol may be delisted")


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
class _ChartRequest:
    """The interval as Yahoo writes it, and the instants between which bars start."""

    symbol: str
    interval: str
    start: datetime
    end: datetime


class YahooSimulator:
    """Serves Yahoo's chart API."""

    prefix = "/yahoo/"

    def __init__(self, context: SimulatorContext) -> None:
        self._context = context

    def fault_target(self, request: SimulatedRequest) -> tuple[str, str]:
        """CHART, and the symbol as the watch list writes it."""
        return "CHART", _watch_list_symbol(_symbol(request))

    def respond(self, request: SimulatedRequest, faults: tuple[Fault, ...]) -> SimulatedResponse:
        """The chart, or Yahoo's error."""
        now = self._context.clock.now()
        if not request.path.startswith(f"{self.prefix}v8/finance/chart/"):
            return _error(404, *_NOT_FOUND)
        chart_request = _chart_request(request, now)
        if chart_request is None:
            given = f"interval={request.params.get('interval')}, range={request.params.get('range')}"
            return _error(422, "Unprocessable Entity", f"Invalid input - {given} is not supported.")
        if refusal := _range_refusal(chart_request, now):
            return _error(422, "Unprocessable Entity", refusal)
        listing = _listing(self._context.market, chart_request.symbol)
        chart_points = _chart_points(self._context.market, chart_request, now)
        if chart_points is None:
            return _error(404, *_NOT_FOUND)
        return _chart(chart_request, listing, chart_points, faults, now)

    def rate_limited(self) -> SimulatedResponse:
        """429 in plain text, without Retry-After."""
        return SimulatedResponse(b"Edge: Too Many Requests", TEXT_TYPE, status=429)


def _symbol(request: SimulatedRequest) -> str:
    return unquote(request.path.rpartition("/")[2]).upper()


def _watch_list_symbol(symbol: str) -> str:
    if pair := _CURRENCY_PAIR.fullmatch(symbol):
        return pair[1] + pair[2]
    return _SHARE_CLASS.sub(r"\1.\2", symbol) if _SHARE_CLASS.fullmatch(symbol) else symbol


def _chart_request(request: SimulatedRequest, now: datetime) -> _ChartRequest | None:
    """None if Yahoo does not have the interval or the range."""
    interval, range_name = request.params.get("interval", "1d"), request.params.get("range", "1d")
    periods = [request.params.get(name, "") for name in ("period1", "period2")]
    if interval != "1d" and interval not in _MINUTES:
        return None
    if all(re.fullmatch(r"-?\d{1,10}", period) for period in periods):
        start, end = (datetime.fromtimestamp(0, UTC) + timedelta(seconds=int(period)) for period in periods)
        return _ChartRequest(_symbol(request), interval, start, end)
    if any(periods) or (range_name != "max" and range_name not in _RANGE_DAYS):
        return None
    days = _RANGE_DAYS.get(range_name, _HISTORY_DAYS.get(interval, _ALL_DAYS))
    return _ChartRequest(_symbol(request), interval, now - timedelta(days=days), now)


def _range_refusal(request: _ChartRequest, now: datetime) -> str | None:
    """Yahoo's message for a range that it does not serve, or None."""
    interval, start, end = request.interval, request.start, request.end
    times = f"startTime={start.timestamp():.0f} and endTime={end.timestamp():.0f}"
    unavailable = f"{interval} data not available for {times}."
    history_days = _HISTORY_DAYS.get(interval)
    if history_days is not None and start < now - timedelta(days=history_days):
        return f"{unavailable} The requested range must be within the last {history_days} days."
    max_days = _MAX_REQUEST_DAYS.get(interval)
    if max_days is not None and end - start > timedelta(days=max_days):
        allowed = f"{max_days} days worth of {interval} granularity data"
        return f"{unavailable} Only {allowed} are allowed to be fetched per request."
    return None


def _listing(market: Market, symbol: str) -> _Listing:
    if pair := _CURRENCY_PAIR.fullmatch(symbol):
        return _Listing("CURRENCY", "CCY", pair[2], _LONDON, f"{pair[1]}/{pair[2]}")
    company = market.company(_watch_list_symbol(symbol))
    return _Listing("EQUITY", "NYQ", "USD", NEW_YORK, company.name if company else None)


def _chart_points(market: Market, request: _ChartRequest, now: datetime) -> _ChartPoints | None:
    """None for an unknown symbol. Exchange rates have no intraday bars here: their chart has no rows."""
    if pair := _CURRENCY_PAIR.fullmatch(request.symbol):
        rates = market.fx_points(pair[1], pair[2], now)
        points = rates if request.interval == "1d" else ()
        return _ChartPoints(points, _midnight_in_london, is_generated=True) if rates else None
    symbol = _watch_list_symbol(request.symbol)
    if not market.history(symbol) or "." in request.symbol:
        return None
    if request.interval == "1d":
        return _ChartPoints(market.daily_points(symbol, now), _opening_in_new_york, is_generated=False)
    first, last = (at.astimezone(NEW_YORK).date() for at in (request.start, request.end))
    days = [day for day in market.sessions(symbol, now) if first <= day <= last]
    points = market.intraday_points(symbol, _MINUTES[request.interval], days, now)
    return _ChartPoints(points, lambda key: as_instant(datetime.fromisoformat(key)), is_generated=True)


def _opening_in_new_york(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), OPENING_TIME, NEW_YORK)


def _midnight_in_london(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(0), _LONDON)


def _chart(
    request: _ChartRequest,
    listing: _Listing,
    chart_points: _ChartPoints,
    faults: Sequence[Fault],
    now: datetime,
) -> SimulatedResponse:
    symbol, starts_at = _watch_list_symbol(request.symbol), chart_points.starts_at
    arrived = drop_late_points(chart_points.points, faults, now)
    corrected = correct_points(arrived, faults, symbol, now)
    is_simulated = chart_points.is_generated or list(corrected) != list(arrived)
    in_range = [point for point in corrected if request.start <= starts_at(point.key) <= request.end]
    points = list(reversed(repeat_and_shuffle(in_range, faults, symbol)))
    meta = _meta(request, listing, corrected, now)
    chart = {"meta": meta, **_rows(points, starts_at, request.interval)}
    headers = (SIMULATED_HEADER,) if is_simulated else ()
    body = json.dumps({"chart": {"result": [chart], "error": None}}, separators=(",", ":"))
    return SimulatedResponse(body.encode(), _JSON_TYPE, headers=headers)


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
    request: _ChartRequest, listing: _Listing, points: Sequence[SeriesPoint], now: datetime
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


def _error(status: int, code: str, description: str) -> SimulatedResponse:
    error = {"chart": {"result": None, "error": {"code": code, "description": description}}}
    return SimulatedResponse(json.dumps(error, separators=(",", ":")).encode(), _JSON_TYPE, status=status)
