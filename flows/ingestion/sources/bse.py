"""Bombay Stock Exchange: one file (bhavcopy) per session, with every scrip in it."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Final

from config.settings import Settings
from flows.handlers import bse
from flows.handlers.models import Query
from flows.handlers.transport.retry import OnRetry, ignore_attempt
from flows.ingestion.failed_attempts import call_store_location
from flows.ingestion.http_policy import MAX_PAUSE_SECONDS, http_policy
from flows.ingestion.publication_times import at_exchange_time
from flows.ingestion.source import FetchRequest, LandedResponse, PayloadHandler, PayloadSource
from jobs.market_calendar.sessions import sessions_between
from jobs.runs.errors import PlanError
from jobs.runs.run_context import RunContext

_CALENDAR: Final = bse.MANIFEST.calendars["bhavcopy"]
_MAX_CLOSED_DAYS: Final = 10  # the exchange has never stayed closed for longer


def _queries(request: FetchRequest, settings: Settings, today: date) -> list[Query]:
    """One query per session: the newest first for the latest, the oldest first for a range.

    The latest are the last `latest_days` sessions up to `today`. The day's own file is published at about
    20:00 in India; an earlier request ends as no_data and costs nothing. Days after `today` are left out.

    Raises:
        PlanError: the request names symbols.
    """
    if request.symbols and set(request.symbols) != {"ALL"}:
        raise PlanError("a bhavcopy holds every scrip: leave the symbols out")
    if request.start is None or request.end is None:
        count = settings.providers.bse.latest_days
        since = today - timedelta(days=2 * count + _MAX_CLOSED_DAYS)
        return list(reversed(_session_queries(request.dataset, since, today)))[:count]
    return _session_queries(request.dataset, request.start, min(request.end, today))


def _is_covered(query: Query, landed: Sequence[LandedResponse], now: datetime) -> bool:  # noqa: ARG001 - a file is never incomplete
    """Whether Bronze holds the file of the query's day, in either layout."""
    names = bse.file_names(query.start) if query.start else ()
    return any(response.request.partition("?")[0].rpartition("/")[2] in names for response in landed)


def _session_queries(dataset: str, start: date, end: date) -> list[Query]:
    days = [session.trade_dt for session in sessions_between(_CALENDAR, start, end)]
    return [Query(dataset, "ALL", start=day, end=day) for day in days]


def _connect(ctx: RunContext, on_retry: OnRetry = ignore_attempt) -> PayloadHandler:
    settings = ctx.settings.providers.bse
    return bse.connect(
        call_store_location(ctx),
        calls_per_minute=settings.calls_per_minute,
        base_url=str(settings.base_url),
        clock=ctx.clock,
        max_wait_seconds=MAX_PAUSE_SECONDS,
        on_retry=on_retry,
        policy=http_policy(settings),
    )


SOURCE: Final = PayloadSource(
    manifest=bse.MANIFEST,
    latest_datasets=lambda settings: settings.providers.bse.datasets,
    history=bse.MANIFEST.datasets,
    threads=lambda settings: settings.providers.bse.threads,
    publications=MappingProxyType({"bhavcopy": at_exchange_time(time(20), 0, 16)}),
    connect=_connect,
    queries_of=_queries,
    is_covered=_is_covered,
    asset_types=lambda _dataset: (),
    file_names=bse.file_names,
)
