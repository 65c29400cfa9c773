"""Yahoo's chart service: the queries of a request, and which responses cover a query."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qs

from config.settings import Settings
from flows.handlers import yahoo
from flows.handlers.models import Query
from flows.handlers.transport.retry import OnRetry, ignore_attempt
from flows.ingestion.asset_types import ALL_ASSET_TYPES, listed_symbols
from flows.ingestion.failed_attempts import call_store_location
from flows.ingestion.http_policy import MAX_PAUSE_SECONDS, http_policy
from flows.ingestion.publication_times import after_close
from flows.ingestion.source import FetchRequest, LandedResponse, PayloadHandler, PayloadSource
from jobs.runs.errors import PlanError
from jobs.runs.run_context import RunContext

# How far back Yahoo has bars of an interval, and how many dates fit into one request: 1m has 30 days and
# 7 days per request, of which `yahoo.period` takes 26 hours for the dates' edges around the Earth.
_HISTORY_DAYS: Final = MappingProxyType({"1min": 30, "5min": 60, "15min": 60, "30min": 60, "60min": 730})
_DATES_PER_REQUEST: Final = MappingProxyType({"1min": 5})
_EDGE_DAYS: Final = 2

_RECENT: Final = timedelta(hours=1)
# Yahoo does not say when bars are published: these are times at which they have been seen.
_PUBLICATIONS: Final = MappingProxyType({"daily": after_close(60, 16), "intraday": after_close(30, 6)})
_LATEST_SESSIONS: Final = MappingProxyType({"daily": 20, "intraday": 5})


def _queries(request: FetchRequest, settings: Settings, today: date) -> list[Query]:
    """Daily bars of stocks, pairs and coins, or the intraday bars of each interval of the settings.

    Raises:
        PlanError: a range that begins earlier than Yahoo's bars of an interval.
    """
    symbols = _symbols(request, settings)
    if request.dataset == "daily":
        return [Query("daily", symbol, start=request.start, end=request.end) for symbol in symbols]
    windows = {interval: list(_windows(request, interval, today)) for interval in settings.intervals}
    return [
        Query("intraday", symbol, interval, start=start, end=end)
        for symbol in symbols
        for interval in settings.intervals
        for start, end in windows[interval]
    ]


def _symbols(request: FetchRequest, settings: Settings) -> list[str]:
    """Each symbol once, in capitals; `EURUSD=X` is a symbol of Yahoo's own and stays as it is."""
    named = request.symbols or listed_symbols(settings.watch_list, ALL_ASSET_TYPES)
    return list(dict.fromkeys(symbol.upper() for symbol in named))


def _windows(request: FetchRequest, interval: str, today: date) -> Iterator[tuple[date | None, date | None]]:
    """The first and last date of each query."""
    if request.start is None and request.end is None:
        yield None, None
        return
    history_days = _HISTORY_DAYS[interval]
    earliest = today - timedelta(days=history_days - _EDGE_DAYS)
    start, end = request.start or earliest, request.end or today
    if start < earliest:
        raise PlanError(
            f"yahoo has {interval} bars of the last {history_days} days only: start at {earliest} instead of "
            f"{start}"
        )
    step = timedelta(days=_DATES_PER_REQUEST.get(interval, history_days))
    while start <= end:
        yield start, min(end, start + step - timedelta(days=1))
        start += step


def _is_covered(query: Query, landed: Sequence[LandedResponse], now: datetime) -> bool:
    """Whether one response covers the query's dates, and was fetched after their end or in the last hour."""
    if query.start is None or query.end is None:
        return False
    first, last = yahoo.period(query.start, query.end)
    interval = query.interval or "1day"
    ended_at = datetime.fromtimestamp(last, UTC)
    return any(
        response.symbol == query.symbol
        and response.interval == interval
        and response.fetched_at >= min(ended_at, now - _RECENT)
        and _has_period(response.request, first, last)
        for response in landed
    )


def _has_period(request: str, first: int, last: int) -> bool:
    parameters = parse_qs(request.partition("?")[2])
    bounds = [parameters.get(name, [""])[0] for name in ("period1", "period2")]
    if not all(bound.lstrip("-").isdecimal() for bound in bounds):
        return False
    return int(bounds[0]) <= first and last <= int(bounds[1])


def _connect(ctx: RunContext, on_retry: OnRetry = ignore_attempt) -> PayloadHandler:
    settings = ctx.settings.providers.yahoo
    return yahoo.connect(
        call_store_location(ctx),
        calls_per_minute=settings.calls_per_minute,
        base_url=str(settings.base_url),
        clock=ctx.clock,
        max_wait_seconds=MAX_PAUSE_SECONDS,
        on_retry=on_retry,
        policy=http_policy(settings),
    )


SOURCE: Final = PayloadSource(
    manifest=yahoo.MANIFEST,
    latest_datasets=lambda settings: settings.providers.yahoo.datasets,
    history=yahoo.MANIFEST.datasets,
    threads=lambda settings: settings.providers.yahoo.threads,
    publications=_PUBLICATIONS,
    connect=_connect,
    queries_of=_queries,
    is_covered=_is_covered,
    latest_sessions=lambda _settings: _LATEST_SESSIONS,
)
