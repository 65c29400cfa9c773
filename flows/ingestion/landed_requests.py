"""Which requests Bronze already answers, so that a killed backfill continues and a quota is not wasted."""

from dataclasses import replace
from datetime import UTC, datetime

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.bronze import DEAD_LETTERS, ENDED, RAW_PAYLOADS
from flows.handlers.errors import ErrorClass
from flows.handlers.models import Query
from flows.ingestion.registry import payload_source_named
from flows.ingestion.request_priority import RequestKey
from flows.ingestion.source import FetchRequest, LandedResponse

# Repeating the query at once would bring the same refusal, so it has had its turn. That does not hold for
# transient errors, nor for a query that was refused without a call (status 0).
_FINAL = (ErrorClass.bad_symbol, ErrorClass.no_data, ErrorClass.not_entitled, ErrorClass.malformed)
_CLASSES = ", ".join(f"'{error_class}'" for error_class in _FINAL)
FINAL_REFUSALS = f"status > 0 AND error_class IN ({_CLASSES}) AND {ENDED}"


def uncovered_queries(lake: Lake, request: FetchRequest, queries: list[Query], now: datetime) -> list[Query]:
    """The request's queries that no landed response covers, by the rule of the provider's source.

    Without a range these are all.

    Raises:
        LakeError: Bronze exists and cannot be read.
    """
    if request.end is None:
        return queries
    by_symbol: dict[str, list[LandedResponse]] = {}
    for response in _landed_responses(lake, request):
        by_symbol.setdefault(_without_id(response.symbol), []).append(response)
    is_covered = payload_source_named(request.provider).is_covered

    def is_uncovered(query: Query) -> bool:
        landed = by_symbol.get(_without_id(query.symbol), ())
        return not is_covered(replace(query, end=query.end or request.end), landed, now)

    return [query for query in queries if is_uncovered(query)]


def last_fetched_at(lake: Lake, provider: str) -> dict[RequestKey, datetime]:
    """The last time that each dataset, symbol and interval of a provider brought data or a final refusal.

    Each is there under the interval None as well: a query for daily bars names none, and lands as `1day`.

    Raises:
        LakeError: Bronze exists and cannot be read.
    """
    latest: dict[RequestKey, datetime] = {}
    for table, condition in ((RAW_PAYLOADS, "true"), (DEAD_LETTERS, FINAL_REFUSALS)):
        where = f"provider = '{provider}' AND {condition}"
        for dataset, symbol, interval, at in _fetched(lake, table, where):
            for key in ((dataset, symbol, interval), (dataset, symbol, None)):
                latest[key] = max(at, latest.get(key, at))
    return latest


def refused_file_keys(lake: Lake, request: FetchRequest) -> set[str]:
    """The keys of the request's files with a final refusal since its `not_before`; without one none.

    Raises:
        LakeError: Bronze exists and cannot be read.
    """
    if request.not_before is None:
        return set()
    rows = read_rows(lake, DEAD_LETTERS, ["request"], f"{_where(request)} AND {FINAL_REFUSALS}")
    return {str(path).lstrip("/").partition("/")[2] for path in rows["request"].to_pylist()}


def _landed_responses(lake: Lake, request: FetchRequest) -> list[LandedResponse]:
    """The responses that count; with `not_before` also final refusals since then, which are not repeated."""
    names = ["symbol", "interval", "request", "fetched_at"]
    rows = read_rows(lake, RAW_PAYLOADS, names, _where(request)).to_pylist()
    if request.not_before is not None:
        where = f"{_where(request)} AND {FINAL_REFUSALS}"
        rows += read_rows(lake, DEAD_LETTERS, names, where).to_pylist()
    return [LandedResponse(**row) for row in rows]


def _where(request: FetchRequest) -> str:
    where = f"provider = '{request.provider}' AND dataset = '{request.dataset}'"
    if request.not_before is not None:
        where += f" AND fetched_at >= timestamp '{request.not_before.astimezone(UTC).isoformat()}'"
    return where


def _without_id(symbol: str) -> str:
    """The symbol under which responses land: `PEPE-USD` of `PEPE-USD=pepe`."""
    return symbol.partition("=")[0]


def _fetched(lake: Lake, table: Table, where: str) -> list[tuple[str, str, str | None, datetime]]:
    names = ["dataset", "symbol", "interval", "fetched_at"]
    rows = read_rows(lake, table, names, where)
    return list(zip(*(rows[name].to_pylist() for name in names), strict=True))
