"""What a range of history need not ask again, so that a killed backfill goes on where it stopped."""

from datetime import UTC, date, datetime, time, timedelta

from delta_tables.arrow_io import read_rows
from delta_tables.bronze import RAW_PAYLOADS
from delta_tables.lake import Lake
from flows.handlers.records import Query
from flows.requests_plan import Ask

_RECENT = timedelta(hours=1)


def not_landed_yet(lake: Lake, ask: Ask, wanted: list[Query], now: datetime) -> list[Query]:
    """The queries of `ask` without those that were answered after its range had ended.

    An answer from before the end of the range, of a month's query from before the end of that month,
    may lack its last bars and is asked again, unless it is younger than an hour: a backfill up to today
    that was killed goes on, too. Without a range everything is asked.
    """
    if ask.end is None:
        return wanted
    names = ["symbol", "interval", "request", "fetched_at"]
    rows = read_rows(lake, RAW_PAYLOADS, names, f"dataset = '{ask.dataset}'").to_pylist()
    landed = {
        (row["symbol"], row["interval"], _month(row["request"]), _is_full(row["request"]))
        for row in rows
        if row["fetched_at"] >= min(_complete_at(ask.end, _month(row["request"])), now - _RECENT)
    }
    return [query for query in wanted if not _is_answered(query, landed)]


def _complete_at(end: date, month: str | None) -> datetime:
    """From when on an answer holds all its bars: after the range, or after the month asked for."""
    last = end
    if month:
        year, number = (int(part) for part in month.split("-"))
        last = min(end, date(year + number // 12, number % 12 + 1, 1) - timedelta(days=1))
    return datetime.combine(last + timedelta(days=1), time(4), UTC)


def _is_answered(query: Query, landed: set[tuple[str, str | None, str | None, bool]]) -> bool:
    """Whether an answer of the same size, or the whole history, has landed."""
    asked = (query.symbol, _interval(query), query.month)
    return (*asked, query.is_full) in landed or (*asked, True) in landed


def _interval(query: Query) -> str | None:
    return query.interval or "1day"


def _is_full(request: str) -> bool:
    return "outputsize=full" in request


def _month(request: str) -> str | None:
    parts = dict(part.partition("=")[::2] for part in request.partition("?")[2].split("&"))
    return parts.get("month")
