"""Bodies of Yahoo's chart service as raw rows, in plain Python.

Imports the standard library and json_values only, because the engines run it in their workers; of
yahoo_metadata only constants are used.

Shape: `chart.result[]` of {meta, timestamp[], indicators.quote[0].{open,high,low,close,volume}[], events}.
Each list can be shorter than the others or absent, and each element null.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jobs.parsing.json_values import (
    RawRow,
    distinct_labels,
    json_document,
    number_text,
    raw_text,
    sort_key,
)
from jobs.parsing.yahoo_metadata import (
    CALENDAR_OF_EXCHANGE,
    CALENDAR_OF_FUTURES,
    CALENDAR_OF_TYPE,
    CALENDAR_OF_ZONE,
    CLASSES,
    INTERVALS,
    SECONDS,
)

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
# Days of these classes begin at midnight in the payload's time zone, which is not their calendar's.
_DATED_CLASSES = ("fx", "future")
_DAY = 86_400
_QUARTER_HOUR = 900
_DAY_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
# The action and its label by group of events.
_ACTIONS = {
    "dividends": ("dividend", "cash"),
    "splits": ("split", "split"),
    "capitalGains": ("capital_gain", "cash"),
}


def chart_bar_rows(body: bytes, symbol: str, interval: str | None) -> list[RawRow]:
    """The bars as tuples of BAR_COLUMNS; a single tuple without values if the body has none.

    A row whose five values are all null is left out: Yahoo writes it if nothing was traded. `end_text` is the
    epoch at which the bar ends, None for a bar that ended long ago.
    """
    bars = [bar for path, chart in _charts(body) for bar in _bars(path, chart, symbol, interval)]
    nothing = {"interval": interval, "position": "/"}
    return bars or [tuple(nothing.get(name) for name in BAR_COLUMNS)]


def chart_action_rows(body: bytes, symbol: str, _interval: str | None) -> list[RawRow]:
    """The dividends, splits and capital gains as tuples of ACTION_COLUMNS; none if the body has none.

    `ex_text` is the date at the exchange of the event's `date`, else of its key; None if neither is an epoch.
    Different events of one kind and day get different labels: `cash`, `cash 2`.
    """
    return [action for path, chart in _charts(body) for action in _actions(path, chart, symbol)]


def chart_instrument_rows(body: bytes, symbol: str, _interval: str | None) -> list[RawRow]:
    """The instruments as tuples of INSTRUMENT_COLUMNS, one per chart with metadata."""
    charts = ((path, _object(chart, "meta")) for path, chart in _charts(body))
    return [
        (
            f"{path}/meta",
            _watch_list_symbol(raw_text(meta.get("symbol")), symbol),
            raw_text(meta.get("longName") or meta.get("shortName")),
            _asset_class(meta),
            raw_text(meta.get("exchangeName")),
            raw_text(meta.get("currency")),
        )
        for path, meta in charts
        if meta
    ]


def _charts(body: bytes) -> Iterator[tuple[str, Chart]]:
    """The charts of a body, each with its path; none if the body is no chart."""
    document = json_document(body)
    charts = _list(_object(document, "chart").get("result"))
    for number, chart in enumerate(charts):
        if isinstance(chart, dict):
            yield f"/chart/result/{number}", chart


def _bars(path: str, chart: Chart, symbol: str, requested_interval: str | None) -> Iterator[RawRow]:
    meta = _object(chart, "meta")
    times = _list(chart.get("timestamp"))
    quotes = _list(_object(chart, "indicators").get("quote"))
    quote = quotes[0] if quotes and isinstance(quotes[0], dict) else {}
    columns = [_list(quote.get(name)) for name in _VALUES]
    granularity = raw_text(meta.get("dataGranularity"))
    interval = INTERVALS.get(granularity or "", granularity) or requested_interval
    asset_class = _asset_class(meta)
    is_dated = interval == "1day" and asset_class in _DATED_CLASSES
    symbol_text = _watch_list_symbol(raw_text(meta.get("symbol")), symbol)
    for i in range(max(map(len, (times, *columns)))):
        values = [number_text(_element(column, i)) for column in columns]
        if values == [None] * len(_VALUES):
            continue
        at = raw_text(_element(times, i))
        yield (
            *(interval, asset_class, _calendar(meta), "exchange" if is_dated else "epoch_s"),
            "partial" if _is_live(meta, at, interval) else "candle",
            *(f"{path}/timestamp/{i}", symbol_text),
            _local_date(meta, at) or at if is_dated else at,
            *(*values, _end(meta, at, interval)),
        )


def _actions(path: str, chart: Chart, symbol: str) -> Iterator[RawRow]:
    """The events ordered by kind, date and amount: another order of the same list gives the same rows."""
    meta, events = _object(chart, "meta"), _object(chart, "events")
    symbol_text = _watch_list_symbol(raw_text(meta.get("symbol")), symbol)
    for group, (action, label) in _ACTIONS.items():
        found = [(_event(meta, key, event), key) for key, event in _object(events, group).items()]
        labels = distinct_labels((row for row, _ in found), label)
        for row, key in sorted(found, key=lambda event: (sort_key(event[0]), event[1])):
            ex_text, *numbers, own_currency = row
            currency = None if action == "split" else own_currency or raw_text(meta.get("currency"))
            position = f"{path}/events/{group}/{key}"
            yield (position, symbol_text, action, labels[row], ex_text, *numbers, currency)


def _event(meta: Chart, key: str, event: object) -> RawRow:
    """ex_text, numerator, denominator, amount and the event's own currency."""
    fields = event if isinstance(event, dict) else {}
    ex_text = _local_date(meta, raw_text(fields.get("date"))) or _local_date(meta, key)
    numbers = (number_text(fields.get(name)) for name in ("numerator", "denominator", "amount"))
    return (ex_text, *numbers, raw_text(fields.get("currency")))


def _asset_class(meta: Chart) -> str | None:
    """The asset class; an unknown type stays as it is, in lower case."""
    kind = raw_text(meta.get("instrumentType"))
    return CLASSES.get(kind, kind.lower()) if kind else None


def _calendar(meta: Chart) -> str | None:
    kind, exchange = raw_text(meta.get("instrumentType")), raw_text(meta.get("exchangeName")) or ""
    if kind == "FUTURE":
        return CALENDAR_OF_FUTURES.get(exchange)
    zone = raw_text(meta.get("exchangeTimezoneName")) or ""
    return (
        CALENDAR_OF_TYPE.get(kind or "") or CALENDAR_OF_EXCHANGE.get(exchange) or CALENDAR_OF_ZONE.get(zone)
    )


def _watch_list_symbol(stated: str | None, requested: str) -> str | None:
    """Yahoo's symbol in the spelling of the watch list, so that it equals `requested` if it means the same.

    `BRK-B` is BRK.B, `EURUSD=X` is EURUSD, and `JPY=X` is short for USDJPY.
    """
    if stated is None or stated.upper() == requested.upper():
        return stated
    if pair := re.fullmatch(r"([A-Z]{3})?([A-Z]{3})=X", stated):
        return f"{pair[1] or 'USD'}{pair[2]}"
    return re.sub(r"^([A-Z]+)-([AB])$", r"\1.\2", stated)


def _is_live(meta: Chart, at: str | None, interval: str | None) -> bool:
    """Whether the row is the price of the moment, with that moment as its time instead of a bar's start."""
    stamp = _epoch(at)
    if stamp is None or stamp != _epoch(meta.get("regularMarketTime")):
        return False
    if interval in SECONDS:
        return stamp % min(SECONDS[interval], _QUARTER_HOUR) != 0  # hours begin with the session
    start, zone = _epoch(_regular(meta).get("start")), _zone(meta)
    return start is None or zone is None or _local(stamp, zone).time() != _local(start, zone).time()


def _end(meta: Chart, at: str | None, interval: str | None) -> str | None:
    """The epoch at which the bar ends: with its interval or its part of the session, whichever is first."""
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
    """The date at the exchange; None if `at` is no epoch."""
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
    """The time zone by name, else by today's UTC offset, which is an hour off for half of the year."""
    try:
        return ZoneInfo(raw_text(meta.get("exchangeTimezoneName")) or "")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        offset = _epoch(meta.get("gmtoffset"))
        return None if offset is None or abs(offset) >= _DAY else timezone(timedelta(seconds=offset))


def _epoch(value: object) -> int | None:
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,12}", value) else None


def _object(parent: object, name: str) -> Chart:
    value = parent.get(name) if isinstance(parent, dict) else None
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _element(values: list[Any], index: int) -> object:
    return values[index] if index < len(values) else None
