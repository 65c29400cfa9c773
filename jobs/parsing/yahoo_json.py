"""One body of Yahoo's chart service as tuples of text; sent to the engines' workers, so nothing but Python.

Shape: `chart.result[]` of {meta, timestamp[], indicators.quote[0].{open,high,low,close,volume}[], events}.
Each list can be shorter than the others or absent, and each element null.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jobs.parsing.yahoo_metadata import (
    CALENDAR_OF_EXCHANGE,
    CALENDAR_OF_FUTURES,
    CALENDAR_OF_TYPE,
    CALENDAR_OF_ZONE,
    CLASSES,
    INTERVALS,
    SECONDS,
)

RawRow = tuple[str | None, ...]
Chart = dict[str, Any]

BAR_COLUMNS = (
    *("interval", "asset_class", "calendar", "clock", "kind", "position", "symbol_text", "timestamp_text"),
    *("open_text", "high_text", "low_text", "close_text", "volume_text", "end_text"),
)
ACTION_COLUMNS = (
    *("position", "symbol_text", "action", "label", "ex_text"),
    *("numerator_text", "denominator_text", "amount_text", "currency"),
)
INSTRUMENT_COLUMNS = ("position", "symbol_text", "name", "asset_class", "exchange", "currency")

_VALUES = ("open", "high", "low", "close", "volume")
# Their days begin at midnight in the zone of the payload, which is not that of their calendar.
_DATED_CLASSES = ("fx", "future")
_DAY = 86_400
_QUARTER_HOUR = 900
_DAY_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
# The action and its label, of each group of events.
_ACTIONS = {
    "dividends": ("dividend", "cash"),
    "splits": ("split", "split"),
    "capitalGains": ("capital_gain", "cash"),
}


def chart_bar_rows(body: bytes, symbol: str, interval: str | None) -> list[RawRow]:
    """A tuple of BAR_COLUMNS for each bar; one without values, for the whole body, where there is none.

    A row whose five values are all null is Yahoo's way to say that nothing was traded: it is left out.
    `end_text` is the epoch at which the bar is over, null for one that has long been.
    """
    bars = [bar for path, chart in _charts(body) for bar in _bars(path, chart, symbol, interval)]
    nothing = {"interval": interval, "position": "/"}
    return bars or [tuple(nothing.get(name) for name in BAR_COLUMNS)]


def chart_action_rows(body: bytes, symbol: str, _interval: str | None) -> list[RawRow]:
    """A tuple of ACTION_COLUMNS for each dividend, split and capital gain; none where there are none.

    `ex_text` is the date at the exchange of the event's `date`, else of its key, null where both are no
    epoch. Events of a kind and day that differ are told apart: `cash`, `cash 2`.
    """
    return [action for path, chart in _charts(body) for action in _actions(path, chart, symbol)]


def chart_instrument_rows(body: bytes, symbol: str, _interval: str | None) -> list[RawRow]:
    """A tuple of INSTRUMENT_COLUMNS for each chart that says what it is about."""
    charts = ((path, _object(chart, "meta")) for path, chart in _charts(body))
    return [
        (
            f"{path}/meta",
            _watch_list_symbol(_text(meta.get("symbol")), symbol),
            _text(meta.get("longName") or meta.get("shortName")),
            _asset_class(meta),
            _text(meta.get("exchangeName")),
            _text(meta.get("currency")),
        )
        for path, meta in charts
        if meta
    ]


def _charts(body: bytes) -> Iterator[tuple[str, Chart]]:
    """The charts of a body and where they are; none in a body that is no chart."""
    try:
        document = json.loads(body, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        return
    charts = _list(_object(document, "chart").get("result"))
    for number, chart in enumerate(charts):
        if isinstance(chart, dict):
            yield f"/chart/result/{number}", chart


def _bars(path: str, chart: Chart, symbol: str, asked_interval: str | None) -> Iterator[RawRow]:
    meta = _object(chart, "meta")
    times = _list(chart.get("timestamp"))
    quotes = _list(_object(chart, "indicators").get("quote"))
    quote = quotes[0] if quotes and isinstance(quotes[0], dict) else {}
    columns = [_list(quote.get(name)) for name in _VALUES]
    granularity = _text(meta.get("dataGranularity"))
    interval = INTERVALS.get(granularity or "", granularity) or asked_interval
    asset_class = _asset_class(meta)
    is_dated = interval == "1day" and asset_class in _DATED_CLASSES
    symbol_text = _watch_list_symbol(_text(meta.get("symbol")), symbol)
    for i in range(max(map(len, (times, *columns)))):
        values = [_number(_element(column, i)) for column in columns]
        if values == [None] * len(_VALUES):
            continue
        at = _text(_element(times, i))
        yield (
            *(interval, asset_class, _calendar(meta), "exchange" if is_dated else "epoch_s"),
            "partial" if _is_live(meta, at, interval) else "candle",
            *(f"{path}/timestamp/{i}", symbol_text),
            _local_date(meta, at) or at if is_dated else at,
            *(*values, _end(meta, at, interval)),
        )


def _actions(path: str, chart: Chart, symbol: str) -> Iterator[RawRow]:
    """The events by kind, date and amount, not as listed: another order of the same list is the same news."""
    meta, events = _object(chart, "meta"), _object(chart, "events")
    symbol_text = _watch_list_symbol(_text(meta.get("symbol")), symbol)
    for group, (action, label) in _ACTIONS.items():
        found = [(_event(meta, key, event), key) for key, event in _object(events, group).items()]
        labels = _labels({row for row, _ in found}, label)
        for row, key in sorted(found, key=lambda each: (_in_order(each[0]), each[1])):
            (ex_text, *numbers, told), place = row, f"{path}/events/{group}/{key}"
            currency = None if action == "split" else told or _text(meta.get("currency"))
            yield (place, symbol_text, action, labels[row], ex_text, *numbers, currency)


def _labels(events: set[RawRow], label: str) -> dict[RawRow, str]:
    """The label of each event, numbered from the second one of a day on."""
    labels, counts = dict[RawRow, str](), Counter[str | None]()
    for row in sorted(events, key=_in_order):
        counts[row[0]] += 1
        labels[row] = label if counts[row[0]] == 1 else f"{label} {counts[row[0]]}"
    return labels


def _event(meta: Chart, key: str, event: object) -> RawRow:
    """ex_text, numerator, denominator, amount and the event's own currency."""
    told = event if isinstance(event, dict) else {}
    ex_text = _local_date(meta, _text(told.get("date"))) or _local_date(meta, key)
    numbers = (_number(told.get(name)) for name in ("numerator", "denominator", "amount"))
    return (ex_text, *numbers, _text(told.get("currency")))


def _in_order(row: RawRow) -> tuple[str, ...]:
    return tuple(text or "" for text in row)


def _asset_class(meta: Chart) -> str | None:
    """The class; a type that nobody knows stays as it is, in small letters."""
    kind = _text(meta.get("instrumentType"))
    return CLASSES.get(kind, kind.lower()) if kind else None


def _calendar(meta: Chart) -> str | None:
    kind, exchange = _text(meta.get("instrumentType")), _text(meta.get("exchangeName")) or ""
    if kind == "FUTURE":
        return CALENDAR_OF_FUTURES.get(exchange)
    zone = _text(meta.get("exchangeTimezoneName")) or ""
    return (
        CALENDAR_OF_TYPE.get(kind or "") or CALENDAR_OF_EXCHANGE.get(exchange) or CALENDAR_OF_ZONE.get(zone)
    )


def _watch_list_symbol(told: str | None, asked: str) -> str | None:
    """Yahoo's symbol in the spelling of the watch list: the asked one, where it means the same.

    `BRK-B` is BRK.B, `EURUSD=X` EURUSD, and `JPY=X` is short for USDJPY.
    """
    if told is None or told.upper() == asked.upper():
        return told
    if pair := re.fullmatch(r"([A-Z]{3})?([A-Z]{3})=X", told):
        return f"{pair[1] or 'USD'}{pair[2]}"
    return re.sub(r"^([A-Z]+)-([AB])$", r"\1.\2", told)


def _is_live(meta: Chart, at: str | None, interval: str | None) -> bool:
    """Whether the row is the price of a moment, stamped with that moment and not with a bar's start."""
    stamp = _epoch(at)
    if stamp is None or stamp != _epoch(meta.get("regularMarketTime")):
        return False
    if interval in SECONDS:
        return stamp % min(SECONDS[interval], _QUARTER_HOUR) != 0  # hours begin with the session
    start, zone = _epoch(_regular(meta).get("start")), _zone(meta)
    return start is None or zone is None or _local(stamp, zone).time() != _local(start, zone).time()


def _end(meta: Chart, at: str | None, interval: str | None) -> str | None:
    """When the bar is over: with its interval or its part of the session, whichever ends first."""
    stamp = _epoch(at)
    if stamp is None:
        return None
    if interval not in SECONDS:
        start, end = (_epoch(_regular(meta).get(name)) for name in ("start", "end"))
        is_newest_day = start is not None and end is not None and stamp >= start
        return str(end) if is_newest_day else None
    ends = [stamp + SECONDS[interval]]
    for span in _object(meta, "currentTradingPeriod").values():
        start, end = (_epoch(_object({"span": span}, "span").get(name)) for name in ("start", "end"))
        if start is not None and end is not None and start <= stamp < end:
            ends.append(end)
    return str(min(ends))


def _regular(meta: Chart) -> Chart:
    return _object(_object(meta, "currentTradingPeriod"), "regular")


def _local_date(meta: Chart, at: str | None) -> str | None:
    """The date at the exchange; None for what is no epoch."""
    stamp, zone = _epoch(at), _zone(meta)
    if stamp is None or zone is None:
        return None
    try:
        return _local(stamp, zone).date().isoformat()
    except OverflowError:
        return None


def _local(stamp: int, zone: tzinfo) -> datetime:
    return (_DAY_ZERO + timedelta(seconds=stamp)).astimezone(zone)


def _zone(meta: Chart) -> tzinfo | None:
    """The zone by its name, else by the offset, which is that of today: wrong by an hour in half the year."""
    try:
        return ZoneInfo(_text(meta.get("exchangeTimezoneName")) or "")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        offset = _epoch(meta.get("gmtoffset"))
        return None if offset is None or abs(offset) >= _DAY else timezone(timedelta(seconds=offset))


def _epoch(value: object) -> int | None:
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,12}", value) else None


def _number(value: object) -> str | None:
    """A number as it was sent, an exponent written out: 1.5E-7 as 0.00000015."""
    text = _text(value)
    if text and re.fullmatch(r"-?[0-9.]+[eE][+-]?[0-9]{1,2}", text):
        return format(Decimal(text), "f")
    return text


def _text(value: object) -> str | None:
    """A JSON value as text; numbers are text already."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _object(parent: Chart, name: str) -> Chart:
    found = parent.get(name) if isinstance(parent, dict) else None
    return found if isinstance(found, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _element(values: list[Any], index: int) -> object:
    return values[index] if index < len(values) else None
