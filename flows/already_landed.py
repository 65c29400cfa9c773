"""What a range of history need not ask again, so that a killed backfill goes on where it stopped."""

from datetime import UTC, datetime, time, timedelta

from delta_tables.arrow_io import read_rows
from delta_tables.bronze import RAW_PAYLOADS
from delta_tables.lake import Lake
from flows.handlers.records import Query
from flows.requests_plan import Ask


def not_landed_yet(lake: Lake, ask: Ask, wanted: list[Query]) -> list[Query]:
    """The queries of `ask` without those that were answered after its range had ended.

    An answer from before the end of the range may lack its last bars and is asked again. Without a
    range everything is asked.
    """
    if ask.end is None:
        return wanted
    range_end = datetime.combine(ask.end + timedelta(days=1), time(4), UTC)
    where = f"dataset = '{ask.dataset}' AND fetched_at >= to_timestamp('{range_end.isoformat()}')"
    rows = read_rows(lake, RAW_PAYLOADS, ["symbol", "interval", "request"], where).to_pylist()
    landed = {
        (row["symbol"], row["interval"], _month(row["request"]), _is_full(row["request"])) for row in rows
    }
    return [query for query in wanted if not _is_answered(query, landed)]


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
