"""The requests for gaps: late or missing sessions that the ordinary requests do not bring."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from config.load import ConfigError
from config.settings import Settings
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.ops import COMPLETENESS
from flows.completeness.arrivals import FileKey, known_calendars
from flows.completeness.check import STAGE, stored_rows
from flows.completeness.expected_sessions import (
    ALL_SYMBOLS,
    ExpectedSeries,
    ExpectedSession,
    expected_sessions,
    watched_series,
)
from flows.completeness.session_state import OPEN
from flows.ingestion.registry import PAYLOAD_SOURCES, SOURCES
from flows.ingestion.request_selection import latest_requests
from flows.ingestion.source import FetchRequest, requested_days
from jobs.market_calendar.sessions import calendar_sessions, sessions_between
from jobs.runs.run_context import RunContext
from jobs.runs.stage import recorded_failure

_SINCE: Final = timedelta(days=45)  # longer than any look-back


def add_gap_requests(ctx: RunContext, requests: Sequence[FetchRequest]) -> tuple[FetchRequest, ...]:
    """The ordinary requests, those of each provider followed by its gap requests.

    Gap requests come last because they matter less when a quota is too small for all. If ops.completeness
    cannot be read, that is recorded, and there are no gap requests.
    """
    gaps: tuple[FetchRequest, ...] = ()
    try:
        with recorded_failure(ctx, STAGE, COMPLETENESS.full_name):
            gaps = gap_requests(ctx.lake, ctx.settings, ctx.clock())
    except (LakeError, ConfigError):
        pass  # recorded
    together = (*requests, *gaps)
    providers = dict.fromkeys(request.provider for request in together)
    return tuple(request for name in providers for request in together if request.provider == name)


def gap_requests(lake: Lake, settings: Settings, now: datetime) -> tuple[FetchRequest, ...]:
    """One request per provider, dataset and range of sessions that are late or missing within the look-back.

    None for a session that an ordinary request brings, or of a dataset without a history.

    Raises:
        LakeError: a table cannot be read.
        ConfigError: the settings name the publication of a dataset that has no sessions.
    """
    watched = watched_series(settings, now.date(), known_calendars(lake, now.date() - _SINCE))
    recent = [
        session for series in watched for session in expected_sessions(series, settings.completeness, now)
    ]
    stored = stored_rows(lake, recent)
    absent = [session for session in recent if session.key in stored and stored[session.key]["state"] in OPEN]
    latest_files = _latest_files(settings, now) if absent else frozenset()
    gaps = [
        session
        for session in absent
        if session.series.dataset in SOURCES[session.series.provider].history
        and not _is_in_latest(session, settings, now, latest_files)
    ]
    symbols_of: defaultdict[tuple[str, str, date, date], dict[str, None]] = defaultdict(dict)
    for gap, first, last in _ranges(gaps):
        symbols_of[gap.provider, gap.dataset, first, last][gap.symbol] = None
    not_before = now - timedelta(minutes=settings.completeness.refetch_cooldown_minutes)
    return tuple(
        FetchRequest(
            provider, dataset, None if ALL_SYMBOLS in symbols else tuple(symbols), first, last, not_before
        )
        for (provider, dataset, first, last), symbols in symbols_of.items()
    )


def _ranges(gaps: Sequence[ExpectedSession]) -> Iterator[tuple[ExpectedSeries, date, date]]:
    """The first and last date of successive sessions, by series: one response can hold them all."""
    by_series: defaultdict[ExpectedSeries, list[date]] = defaultdict(list)
    for session in gaps:
        by_series[session.series].append(session.trade_dt)
    for series, days in by_series.items():
        first = last = days[0]
        for day in days[1:]:
            if len(sessions_between(series.calendar, last, day)) > 2:  # noqa: PLR2004 - the two themselves
                yield series, first, last
                first = day
            last = day
        yield series, first, last


def _is_in_latest(
    expected: ExpectedSession, settings: Settings, now: datetime, latest_files: frozenset[FileKey]
) -> bool:
    """Whether the ordinary request brings the session."""
    series = expected.series
    if series.is_files:
        return (series.provider, series.dataset, expected.trade_dt) in latest_files
    known = calendar_sessions(series.calendar)
    opened = bisect_right(known, now, key=lambda session: session.open_at)
    count = PAYLOAD_SOURCES[series.provider].latest_sessions(settings).get(series.dataset, 0)
    return expected.trade_dt >= known[max(0, opened - count)].trade_dt


def _latest_files(settings: Settings, now: datetime) -> frozenset[FileKey]:
    """The files that the ordinary requests look for."""
    return frozenset(
        (request.provider, request.dataset, day)
        for request in latest_requests(settings)
        for day in requested_days(SOURCES[request.provider], request, settings, now)
    )
