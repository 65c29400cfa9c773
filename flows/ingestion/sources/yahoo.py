"""Yahoo's chart service as a run sees it: what to ask for which dates, and what has been asked."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qs

from config.settings import Settings
from flows.handlers import yahoo
from flows.handlers.models import Query
from flows.handlers.transport.retry import HttpPolicy, OnRetry, ignore_attempt
from flows.ingestion.asset_types import EVERY_KIND, symbols_listed
from flows.ingestion.failed_attempts import ledger_home
from flows.ingestion.source import Ask, Handler, Landed, PlanError, Source
from jobs.runs.run_context import RunContext

# Longer than the window of the limit, so that it is waited out.
_LONGEST_PAUSE_SECONDS = 120.0

# How far back Yahoo has bars of an interval, and how many dates fit into one request: 1m has 30 days and
# 7 days a request, of which `yahoo.period` takes 26 hours for the dates' edges around the Earth.
_REACH_DAYS: Final = MappingProxyType({"1min": 30, "5min": 60, "15min": 60, "30min": 60, "60min": 730})
_DATES_A_REQUEST: Final = MappingProxyType({"1min": 5})
_EDGE_DAYS: Final = 2

_RECENT: Final = timedelta(hours=1)


def _connect(ctx: RunContext, on_retry: OnRetry = ignore_attempt) -> Handler:
    settings = ctx.settings.providers.yahoo
    return yahoo.connect(
        ledger_home(ctx),
        calls_per_minute=settings.calls_per_minute,
        base_url=str(settings.base_url),
        clock=ctx.clock,
        max_wait_seconds=_LONGEST_PAUSE_SECONDS,
        on_retry=on_retry,
        policy=HttpPolicy(
            max_retry_after_seconds=_LONGEST_PAUSE_SECONDS,
            read_timeout_seconds=settings.timeout_seconds,
            attempts=settings.attempts,
            pool_size=settings.threads,
        ),
    )


def _queries(ask: Ask, settings: Settings, today: date) -> list[Query]:
    """Daily bars of stocks, pairs and coins, or the intraday bars of each interval of the settings.

    Raises:
        PlanError: a dataset that Yahoo does not have, an empty range, one further back than Yahoo reaches.
    """
    if ask.dataset not in yahoo.MANIFEST.datasets:
        raise PlanError(f"yahoo has no {ask.dataset!r}; it has {', '.join(yahoo.MANIFEST.datasets)}")
    if ask.start and ask.end and ask.start > ask.end:
        raise PlanError(f"the range is empty: it begins on {ask.start} and ends on {ask.end}")
    symbols = _symbols(ask, settings)
    if ask.dataset == "daily":
        return [Query("daily", symbol, start=ask.start, end=ask.end) for symbol in symbols]
    windows = {interval: list(_windows(ask, interval, today)) for interval in settings.intervals}
    return [
        Query("intraday", symbol, interval, start=start, end=end)
        for symbol in symbols
        for interval in settings.intervals
        for start, end in windows[interval]
    ]


def _symbols(ask: Ask, settings: Settings) -> list[str]:
    """Each symbol once; what a coin is called elsewhere (`PEPE-USD=pepe`) is cut off, `EURUSD=X` is not."""
    wanted = ask.symbols or symbols_listed(settings.watch_list, EVERY_KIND)
    return list(dict.fromkeys(symbol.upper() for symbol in wanted))


def _windows(ask: Ask, interval: str, today: date) -> Iterator[tuple[date | None, date | None]]:
    if ask.start is None and ask.end is None:
        yield None, None
        return
    reach = _REACH_DAYS[interval]
    earliest = today - timedelta(days=reach - _EDGE_DAYS)
    start, end = ask.start or earliest, ask.end or today
    if start < earliest:
        raise PlanError(
            f"yahoo has {interval} bars of the last {reach} days only: ask from {earliest} on, found {start}"
        )
    step = timedelta(days=_DATES_A_REQUEST.get(interval, reach))
    while start <= end:
        yield start, min(end, start + step - timedelta(days=1))
        start += step


def _is_answered(query: Query, landed: Sequence[Landed], now: datetime) -> bool:
    """Whether one answer covers the query's dates, and came after their end or within the last hour."""
    if query.start is None or query.end is None:
        return False
    first, last = yahoo.period(query.start, query.end)
    interval = query.interval or "1day"
    ended_at = datetime.fromtimestamp(last, UTC)
    return any(
        answer.symbol == query.symbol
        and answer.interval == interval
        and answer.fetched_at >= min(ended_at, now - _RECENT)
        and _covers(answer.request, first, last)
        for answer in landed
    )


def _covers(request: str, first: int, last: int) -> bool:
    asked = parse_qs(request.partition("?")[2])
    bounds = [asked.get(name, [""])[0] for name in ("period1", "period2")]
    if not all(bound.lstrip("-").isdecimal() for bound in bounds):
        return False
    return int(bounds[0]) <= first and last <= int(bounds[1])


SOURCE: Final = Source(
    manifest=yahoo.MANIFEST,
    connect=_connect,
    latest=lambda settings: settings.providers.yahoo.datasets,
    history=yahoo.MANIFEST.datasets,
    queries=_queries,
    is_answered=_is_answered,
    threads=lambda settings: settings.providers.yahoo.threads,
)
