"""What a run asks for again: late or missing sessions that its ordinary asks do not reach."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final

from config.load import ConfigError
from config.settings import Settings
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.ops import COMPLETENESS
from flows.completeness.arrivals import known_calendars
from flows.completeness.check import STAGE, stored_rows
from flows.completeness.expected_sessions import (
    ALL,
    FILES,
    Expected,
    Series,
    expected_sessions,
    watched_series,
)
from flows.completeness.session_state import OPEN
from flows.handlers import massive
from flows.ingestion.registry import SOURCES
from flows.ingestion.request_selection import latest_requests, queries
from flows.ingestion.source import FetchRequest
from flows.ingestion.sources.massive import files_wanted
from jobs.market_calendar.sessions import calendar_sessions, sessions_between
from jobs.runs.run_context import RunContext
from jobs.runs.stage import failed_result, record

_SINCE: Final = timedelta(days=45)  # longer than any look-back

# How many sessions, the one under way counted, the newest rows of a dataset hold.
_REACH_SESSIONS: Final[Mapping[tuple[str, str], Callable[[Settings], int]]] = MappingProxyType(
    {
        ("alphavantage", "daily"): lambda _settings: 100,
        ("alphavantage", "fx_daily"): lambda _settings: 100,
        ("alphavantage", "crypto_daily"): lambda _settings: 100,
        ("alphavantage", "intraday"): lambda _settings: 20,
        ("alphavantage", "fx_intraday"): lambda _settings: 20,
        ("alphavantage", "crypto_intraday"): lambda _settings: 20,
        ("yahoo", "daily"): lambda _settings: 20,
        ("yahoo", "intraday"): lambda _settings: 5,
        # the last `chart_days` times 24 hours hold one whole UTC day less
        ("coingecko", "market_chart"): lambda settings: settings.providers.coingecko.chart_days,
        ("coingecko", "ohlc"): lambda settings: settings.providers.coingecko.ohlc_days,
    }
)


def add_gap_requests(ctx: RunContext, asks: Sequence[FetchRequest]) -> tuple[FetchRequest, ...]:
    """The ordinary asks, those of each provider followed by its asks for what is late or missing.

    So they are of lower priority where a quota does not reach for all. Where ops.completeness cannot be read
    that is recorded, and nothing is asked for again.
    """
    try:
        again = gap_requests(ctx.lake, ctx.settings, ctx.clock())
    except (LakeError, ConfigError) as error:
        with suppress(LakeError):
            record(ctx, failed_result(STAGE, COMPLETENESS.full_name, 0.0, error))
        again = ()
    providers = dict.fromkeys(ask.provider for ask in (*asks, *again))
    return tuple(ask for name in providers for ask in (*asks, *again) if ask.provider == name)


def gap_requests(lake: Lake, settings: Settings, now: datetime) -> tuple[FetchRequest, ...]:
    """One ask a provider, dataset and range of sessions that are late or missing within the look-back.

    None where the ordinary ask of the run reaches the session, or the provider has no history of the dataset.

    Raises:
        LakeError: a table cannot be read.
        ConfigError: the settings name the publication of a dataset that has no sessions.
    """
    series = watched_series(settings, now.date(), known_calendars(lake, now.date() - _SINCE))
    recent = [each for one in series for each in expected_sessions(one, settings.completeness, now)]
    stored = stored_rows(lake, recent)
    absent = [each for each in recent if each.key in stored and stored[each.key]["state"] in OPEN]
    files = _files_reached(settings, now) if absent else frozenset()
    beyond = [
        each for each in absent if _has_history(each.series) and not _is_reached(each, settings, now, files)
    ]
    wanted: defaultdict[tuple[str, str, date, date], dict[str, None]] = defaultdict(dict)
    for one, first, last in _ranges(beyond):
        wanted[one.provider, one.dataset, first, last][one.symbol] = None
    not_before = now - timedelta(minutes=settings.completeness.reask_pause_minutes)
    return tuple(
        FetchRequest(dataset, None if ALL in symbols else tuple(symbols), first, last, provider, not_before)
        for (provider, dataset, first, last), symbols in wanted.items()
    )


def _ranges(absent: Sequence[Expected]) -> Iterator[tuple[Series, date, date]]:
    """The first and the last date of sessions in a row, by series: some providers give them in one answer."""
    by_series: defaultdict[Series, list[date]] = defaultdict(list)
    for each in absent:
        by_series[each.series].append(each.trade_dt)
    for series, days in by_series.items():
        first = last = days[0]
        for day in days[1:]:
            if len(sessions_between(series.calendar, last, day)) > 2:  # noqa: PLR2004 - the two themselves
                yield series, first, last
                first = day
            last = day
        yield series, first, last


def _has_history(series: Series) -> bool:
    source = SOURCES.get(series.provider)
    return source is None or series.dataset in source.history


def _is_reached(
    expected: Expected, settings: Settings, now: datetime, files: frozenset[tuple[str, str, date]]
) -> bool:
    """Whether the run's ordinary ask brings the session, where there is one."""
    series = expected.series
    if series.is_files:
        return (series.provider, series.dataset, expected.trade_dt) in files
    known = calendar_sessions(series.calendar)
    opened = bisect_right(known, now, key=lambda session: session.open_at)
    reach = _REACH_SESSIONS[series.provider, series.dataset](settings)
    return expected.trade_dt >= known[max(0, opened - reach)].trade_dt


def _files_reached(settings: Settings, now: datetime) -> frozenset[tuple[str, str, date]]:
    """The files that the ordinary asks look for: provider, dataset and day."""
    found: set[tuple[str, str, date]] = set()
    for ask in latest_requests(settings):
        if ask.provider == massive.MANIFEST.name:
            found |= {(ask.provider, *file) for file in files_wanted(ask, settings, now)}
        elif ask.provider in FILES:
            days = [query.start for query in queries(ask, settings, now.date())]
            found |= {(ask.provider, ask.dataset, day) for day in days if day}
    return frozenset(found)
