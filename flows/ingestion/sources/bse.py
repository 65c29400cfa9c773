"""Bombay Stock Exchange as a source: one file a session, no symbols to choose."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from config.settings import Settings
from flows.handlers import bse
from flows.handlers.models import Query
from flows.handlers.transport.retry import HttpPolicy, OnRetry, ignore_attempt
from flows.ingestion.failed_attempts import ledger_home
from flows.ingestion.source import Ask, Handler, Landed, PlanError, Source
from jobs.market_calendar.sessions import sessions_between
from jobs.runs.run_context import RunContext

_CALENDAR = bse.MANIFEST.calendars["bhavcopy"]
_LONGEST_PAUSE_SECONDS = 120.0
_LONGEST_CLOSURE_DAYS = 10  # more than the exchange ever stays closed in a row


def queries(ask: Ask, settings: Settings, today: date) -> list[Query]:
    """One query a session, the newest first for the latest, the oldest first for a range.

    The latest are the last `latest_days` sessions up to `today`. The day's own file comes out at about
    20:00 in India; asking earlier gives no_data and costs nothing. Days after `today` are left out.

    Raises:
        PlanError: an unknown dataset, an empty range, or symbols: the file has all scrips.
    """
    if ask.dataset not in SOURCE.history:
        raise PlanError(f"bse has no dataset {ask.dataset!r}; there is {', '.join(SOURCE.history)}")
    if ask.symbols and set(ask.symbols) != {"ALL"}:
        raise PlanError("a bhavcopy holds every scrip: leave the symbols out")
    if ask.start is None or ask.end is None:
        wanted = settings.providers.bse.latest_days
        since = today - timedelta(days=2 * wanted + _LONGEST_CLOSURE_DAYS)
        return list(reversed(_queries(ask.dataset, since, today)))[:wanted]
    if ask.start > ask.end:
        raise PlanError(f"the range is empty: it begins on {ask.start} and ends on {ask.end}")
    return _queries(ask.dataset, ask.start, min(ask.end, today))


def is_answered(query: Query, landed: Sequence[Landed], now: datetime) -> bool:  # noqa: ARG001 - a day's file is whole
    """Whether a file of the query's day lies in Bronze, of either layout."""
    names = bse.file_names(query.start) if query.start else ()
    return any(each.request.partition("?")[0].rpartition("/")[2] in names for each in landed)


def _queries(dataset: str, start: date, end: date) -> list[Query]:
    days = [session.trade_dt for session in sessions_between(_CALENDAR, start, end)]
    return [Query(dataset, "ALL", start=day, end=day) for day in days]


def _connect(ctx: RunContext, on_retry: OnRetry = ignore_attempt) -> Handler:
    settings = ctx.settings.providers.bse
    return bse.connect(
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


SOURCE = Source(
    manifest=bse.MANIFEST,
    connect=_connect,
    latest=lambda settings: settings.providers.bse.datasets,
    history=bse.MANIFEST.datasets,
    queries=queries,
    is_answered=is_answered,
    threads=lambda settings: settings.providers.bse.threads,
    kinds=lambda _: (),
)
