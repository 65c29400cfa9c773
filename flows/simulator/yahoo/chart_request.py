"""A request to Yahoo's chart service: its parameters, its symbols, and the ranges that Yahoo refuses."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from flows.simulator.provider_simulator import SimulatedRequest

CURRENCY_PAIR = re.compile(r"([A-Z]{3})([A-Z]{3})=X")
INTERVAL_MINUTES = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "60m": 60, "1h": 60}
_SHARE_CLASS = re.compile(r"([A-Z]+)-([AB])")
_RANGE_DAYS = {"1d": 1, "5d": 7, "1mo": 31, "3mo": 92, "6mo": 183, "1y": 366, "2y": 731, "5y": 1827}
_ALL_DAYS = 40_000
# How far back an interval reaches, and how much of it one request may span.
_HISTORY_DAYS = {"1m": 30, "5m": 60, "15m": 60, "30m": 60, "60m": 730, "1h": 730}
_MAX_REQUEST_DAYS = {"1m": 8}


@dataclass(frozen=True)
class ChartRequest:
    """The interval as Yahoo writes it, and the instants between which bars start."""

    symbol: str
    interval: str
    start: datetime
    end: datetime


def requested_symbol(request: SimulatedRequest) -> str:
    """The symbol as Yahoo writes it, such as BRK-B or EURUSD=X."""
    return unquote(request.path.rpartition("/")[2]).upper()


def watch_list_symbol(symbol: str) -> str:
    """Yahoo's symbol as the watch list writes it: BRK.B for BRK-B, EURUSD for EURUSD=X."""
    if pair := CURRENCY_PAIR.fullmatch(symbol):
        return pair[1] + pair[2]
    return _SHARE_CLASS.sub(r"\1.\2", symbol) if _SHARE_CLASS.fullmatch(symbol) else symbol


def read_chart_request(request: SimulatedRequest, now: datetime) -> ChartRequest | None:
    """The requested chart, or None if Yahoo does not have the interval or the range."""
    interval, range_name = request.params.get("interval", "1d"), request.params.get("range", "1d")
    periods = [request.params.get(name, "") for name in ("period1", "period2")]
    if interval != "1d" and interval not in INTERVAL_MINUTES:
        return None
    if all(re.fullmatch(r"-?\d{1,10}", period) for period in periods):
        start, end = (datetime.fromtimestamp(0, UTC) + timedelta(seconds=int(period)) for period in periods)
        return ChartRequest(requested_symbol(request), interval, start, end)
    if any(periods) or (range_name != "max" and range_name not in _RANGE_DAYS):
        return None
    days = _RANGE_DAYS.get(range_name, _HISTORY_DAYS.get(interval, _ALL_DAYS))
    return ChartRequest(requested_symbol(request), interval, now - timedelta(days=days), now)


def range_refusal(request: ChartRequest, now: datetime) -> str | None:
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
