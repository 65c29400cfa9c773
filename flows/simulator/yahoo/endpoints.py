"""Yahoo's chart service: `/yahoo/v8/finance/chart/{symbol}`, over the same histories as Alpha Vantage's.

Daily bars are the real ones, so they come without events; intraday bars and exchange rates are drawn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from flows.simulator.alphavantage.rendering import Point
from flows.simulator.data_faults import correct, disarrange, drop_late
from flows.simulator.faults import Fault
from flows.simulator.http_response import Answer
from flows.simulator.market.market import Market
from flows.simulator.market.sessions import NEW_YORK, OPENING_TIME, as_instant

if TYPE_CHECKING:  # the list of all protocols imports this one
    from flows.simulator.provider_simulator import HttpCall, Surroundings

_JSON_TYPE = "application/json;charset=utf-8"
_TEXT_TYPE = "text/plain; charset=utf-8"
_LONDON = ZoneInfo("Europe/London")
_MINUTES = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "60m": 60, "1h": 60}
_RANGE_DAYS = {"1d": 1, "5d": 7, "1mo": 31, "3mo": 92, "6mo": 183, "1y": 366, "2y": 731, "5y": 1827}
_EVER = 40_000
# How far back there are bars of an interval, and how much of them one request may ask for.
_REACH_DAYS = {"1m": 30, "5m": 60, "15m": 60, "30m": 60, "60m": 730, "1h": 730}
_LARGEST_DAYS = {"1m": 8}
_CLASS_SHARE = re.compile(r"([A-Z]+)-([AB])")
_PAIR = re.compile(r"([A-Z]{3})([A-Z]{3})=X")
_NOT_FOUND = ("Not Found", "No data found, symbol may be delisted")


@dataclass(frozen=True)
class _Feed:
    """Bars before faults, newest first; `starts_at` gives the instant at which a bar begins by its key."""

    points: Sequence[Point]
    starts_at: Callable[[str], datetime]
    is_drawn: bool


@dataclass(frozen=True)
class _Listing:
    """What `meta` says of a symbol beside its prices."""

    kind: str
    exchange: str
    currency: str
    zone: ZoneInfo
    name: str | None


@dataclass(frozen=True)
class _Question:
    """What was asked: the interval in Yahoo's words, and the instants between which bars begin."""

    symbol: str
    interval: str
    start: datetime
    end: datetime


class YahooSpeaker:
    """Speaks Yahoo's chart protocol."""

    prefix: str = "/yahoo/"

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def function(self, call: HttpCall) -> tuple[str, str]:
        """CHART, and the symbol as the watch list writes it."""
        return "CHART", _watch_list_symbol(_symbol(call))

    def answer(self, call: HttpCall, faults: tuple[Fault, ...]) -> Answer:
        """The chart, or the error that Yahoo would answer with."""
        now = self._around.clock.now()
        if not call.path.startswith(f"{self.prefix}v8/finance/chart/"):
            return _error(404, *_NOT_FOUND)
        question = _question(call, now)
        if question is None:
            given = f"interval={call.params.get('interval')}, range={call.params.get('range')}"
            return _error(422, "Unprocessable Entity", f"Invalid input - {given} is not supported.")
        if too_much := _too_much(question, now):
            return _error(422, "Unprocessable Entity", too_much)
        listing = _listing(self._around.market, question.symbol)
        feed = _feed(self._around.market, question, now)
        if listing is None or feed is None:
            return _error(404, *_NOT_FOUND)
        return _chart(question, listing, feed, faults, now)

    def too_many(self) -> Answer:
        """429 in plain text, without a hint when to come back."""
        return Answer(b"Edge: Too Many Requests", _TEXT_TYPE, status=429)


def _symbol(call: HttpCall) -> str:
    return unquote(call.path.rpartition("/")[2]).upper()


def _watch_list_symbol(symbol: str) -> str:
    if pair := _PAIR.fullmatch(symbol):
        return pair[1] + pair[2]
    return _CLASS_SHARE.sub(r"\1.\2", symbol) if _CLASS_SHARE.fullmatch(symbol) else symbol


def _question(call: HttpCall, now: datetime) -> _Question | None:
    """None where the interval or the range is none of Yahoo's."""
    interval, wanted = call.params.get("interval", "1d"), call.params.get("range", "1d")
    periods = [call.params.get(name, "") for name in ("period1", "period2")]
    if interval != "1d" and interval not in _MINUTES:
        return None
    if all(re.fullmatch(r"-?\d{1,10}", period) for period in periods):
        start, end = (datetime.fromtimestamp(0, UTC) + timedelta(seconds=int(period)) for period in periods)
        return _Question(_symbol(call), interval, start, end)
    if any(periods) or (wanted != "max" and wanted not in _RANGE_DAYS):
        return None
    days = _RANGE_DAYS.get(wanted, _REACH_DAYS.get(interval, _EVER))
    return _Question(_symbol(call), interval, now - timedelta(days=days), now)


def _too_much(question: _Question, now: datetime) -> str | None:
    """Yahoo's sentence for a range that it does not give, None for one that it does."""
    interval, start, end = question.interval, question.start, question.end
    times = f"startTime={start.timestamp():.0f} and endTime={end.timestamp():.0f}"
    asked = f"{interval} data not available for {times}."
    reach = _REACH_DAYS.get(interval)
    if reach is not None and start < now - timedelta(days=reach):
        return f"{asked} The requested range must be within the last {reach} days."
    largest = _LARGEST_DAYS.get(interval)
    if largest is not None and end - start > timedelta(days=largest):
        allowed = f"{largest} days worth of {interval} granularity data"
        return f"{asked} Only {allowed} are allowed to be fetched per request."
    return None


def _listing(market: Market, symbol: str) -> _Listing | None:
    if pair := _PAIR.fullmatch(symbol):
        return _Listing("CURRENCY", "CCY", pair[2], _LONDON, f"{pair[1]}/{pair[2]}")
    company = market.company(_watch_list_symbol(symbol))
    return _Listing("EQUITY", "NYQ", "USD", NEW_YORK, company.name if company else None)


def _feed(market: Market, question: _Question, now: datetime) -> _Feed | None:
    """None for a symbol that there is not. Rates have no intraday bars here: a chart without rows."""
    if pair := _PAIR.fullmatch(question.symbol):
        rates = market.fx_points(pair[1], pair[2], now)
        points = rates if question.interval == "1d" else ()
        return _Feed(points, _midnight_in_london, is_drawn=True) if rates else None
    symbol = _watch_list_symbol(question.symbol)
    if not market.history(symbol) or "." in question.symbol:
        return None
    if question.interval == "1d":
        return _Feed(market.daily_points(symbol, now), _opening_in_new_york, is_drawn=False)
    first, last = (at.astimezone(NEW_YORK).date() for at in (question.start, question.end))
    days = [day for day in market.sessions(symbol, now) if first <= day <= last]
    points = market.intraday_points(symbol, _MINUTES[question.interval], days, now)
    return _Feed(points, lambda key: as_instant(datetime.fromisoformat(key)), is_drawn=True)


def _opening_in_new_york(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), OPENING_TIME, NEW_YORK)


def _midnight_in_london(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(0), _LONDON)


def _chart(
    question: _Question, listing: _Listing, feed: _Feed, faults: Sequence[Fault], now: datetime
) -> Answer:
    symbol = _watch_list_symbol(question.symbol)
    arrived = drop_late(feed.points, faults, now)
    corrected = correct(arrived, faults, symbol, now)
    is_simulated = feed.is_drawn or any(mine != real for mine, real in zip(corrected, arrived, strict=True))
    in_range = [point for point in corrected if question.start <= feed.starts_at(point.key) <= question.end]
    points = list(reversed(disarrange(in_range, faults, symbol)))
    meta = _meta(question, listing, corrected, now)
    chart = {"meta": meta, **_rows(points, feed, question.interval)}
    headers = (("X-Simulated", "true"),) if is_simulated else ()
    body = json.dumps({"chart": {"result": [chart], "error": None}}, separators=(",", ":"))
    return Answer(body.encode(), _JSON_TYPE, headers=headers)


def _rows(points: Sequence[Point], feed: _Feed, interval: str) -> dict[str, object]:
    """The columns, oldest first; without bars Yahoo gives neither `timestamp` nor a column."""
    if not points:
        return {"indicators": {"quote": [{}]}}
    names = ("open", "high", "low", "close")
    quote: dict[str, list[float | int]] = {
        name: [_price(getattr(point, name)) for point in points] for name in names
    }
    quote["volume"] = [point.volume or 0 for point in points]
    adjusted = {"adjclose": [{"adjclose": quote["close"]}]} if interval == "1d" else {}
    times = [int(feed.starts_at(point.key).timestamp()) for point in points]
    return {"timestamp": times, "indicators": {"quote": [quote], **adjusted}}


def _meta(
    question: _Question, listing: _Listing, points: Sequence[Point], now: datetime
) -> Mapping[str, object]:
    newest = points[0] if points else None
    offset = now.astimezone(listing.zone).utcoffset() or timedelta(0)
    return {
        "currency": listing.currency,
        "symbol": question.symbol,
        "exchangeName": listing.exchange,
        "instrumentType": listing.kind,
        "regularMarketTime": int(newest.published_at.timestamp()) if newest else None,
        "gmtoffset": int(offset.total_seconds()),
        "timezone": now.astimezone(listing.zone).tzname(),
        "exchangeTimezoneName": listing.zone.key,
        "regularMarketPrice": _price(newest.close) if newest else None,
        **({"longName": listing.name, "shortName": listing.name} if listing.name else {}),
        "priceHint": 2,
        "dataGranularity": question.interval.replace("60m", "1h"),
        "range": "",
    }


def _price(price: Decimal) -> float:
    return float(price)


def _error(status: int, code: str, description: str) -> Answer:
    error = {"chart": {"result": None, "error": {"code": code, "description": description}}}
    return Answer(json.dumps(error, separators=(",", ":")).encode(), _JSON_TYPE, status=status)
