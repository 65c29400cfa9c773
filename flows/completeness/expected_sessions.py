"""What is expected: the series that the settings name, and their sessions that have ended."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from config.settings import CompletenessSettings, PublicationSettings, Settings
from delta_tables.intervals import DAILY, INTERVAL_MINUTES
from flows.completeness.publication import due, publications
from flows.completeness.session_state import Due
from flows.ingestion.registry import PAYLOAD_SOURCES, SOURCES
from flows.ingestion.request_selection import latest_requests
from flows.ingestion.source import FetchRequest, PayloadSource, has_session_files
from jobs.market_calendar.session import Session
from jobs.market_calendar.sessions import CRYPTO, FX, STOCKS_US, calendar_sessions

ALL_SYMBOLS, NO_INTERVAL = "ALL", "none"
Calendars = Mapping[tuple[str, str], str]  # by provider and symbol
SeriesKey = tuple[str, str, str, str]  # provider, dataset, symbol, interval
SessionKey = tuple[str, str, str, str, date]


@dataclass(frozen=True)
class ExpectedSeries:
    """A series of which a provider should have every session.

    `interval` is `none` for files; `accepts` are the intervals of bars that count as arrived, `interval`
    first.
    """

    provider: str
    dataset: str
    symbol: str
    interval: str
    calendar: str
    publication: PublicationSettings
    accepts: tuple[str, ...] = ()

    @property
    def is_files(self) -> bool:
        """Whether a session is one file with all symbols in it."""
        return not self.accepts

    @property
    def key(self) -> SeriesKey:
        """Provider, dataset, symbol and interval."""
        return self.provider, self.dataset, self.symbol, self.interval


@dataclass(frozen=True)
class ExpectedSession:
    """One session of a series; `bars` are those of a full regular session, by accepted interval."""

    series: ExpectedSeries
    trade_dt: date
    due: Due
    bars: Mapping[str, int]

    @property
    def key(self) -> SessionKey:
        """The key in ops.completeness."""
        return (*self.series.key, self.trade_dt)


def watched_series(settings: Settings, today: date, calendars: Calendars) -> list[ExpectedSeries]:
    """The series of an ordinary run whose dataset has a publication, in the order of its requests.

    `calendars` are those that the bars of a (provider, symbol) have; for other symbols the watch list
    decides, with New York's for stocks.
    """
    known = publications(settings.completeness)
    watched: dict[SeriesKey, ExpectedSeries] = {}
    for request in latest_requests(settings):
        publication = known.get((request.provider, request.dataset))
        if publication is not None:
            watched |= {
                series.key: series for series in _series(request, settings, today, calendars, publication)
            }
    return list(watched.values())


def expected_sessions(
    series: ExpectedSeries, completeness: CompletenessSettings, now: datetime
) -> Iterator[ExpectedSession]:
    """The series' last sessions that have ended, as many as `lookback_sessions`, the oldest first."""
    for session in last_sessions(series.calendar, completeness.lookback_sessions, now):
        bars = {interval: _full_session(session, interval) for interval in series.accepts}
        yield ExpectedSession(series, session.trade_dt, due(series.publication, session), bars)


def last_sessions(calendar: str, count: int, now: datetime) -> tuple[Session, ...]:
    """The calendar's last sessions that have ended by `now`, the oldest first."""
    known = calendar_sessions(calendar)
    ended = bisect_right(known, now, key=lambda session: session.close_at)
    return known[max(0, ended - count) : ended]


def _full_session(session: Session, interval: str) -> int:
    """How many bars of the interval a session has from its open to its close."""
    minutes = (session.close_at - session.open_at) / timedelta(minutes=1)
    return 1 if interval == DAILY else math.ceil(minutes / INTERVAL_MINUTES[interval])


def _series(
    request: FetchRequest,
    settings: Settings,
    today: date,
    calendars: Calendars,
    publication: PublicationSettings,
) -> Iterator[ExpectedSeries]:
    source = SOURCES[request.provider]
    if has_session_files(source):
        calendar = source.manifest.calendars[request.dataset]
        yield ExpectedSeries(
            request.provider, request.dataset, ALL_SYMBOLS, NO_INTERVAL, calendar, publication
        )
    else:
        yield from _bar_series(
            PAYLOAD_SOURCES[request.provider], request, settings, today, calendars, publication
        )


def _bar_series(
    source: PayloadSource,
    request: FetchRequest,
    settings: Settings,
    today: date,
    calendars: Calendars,
    publication: PublicationSettings,
) -> Iterator[ExpectedSeries]:
    for query in source.queries(request, settings, today):
        accepts, symbol = source.bar_intervals(query, settings), source.symbol_of(query)
        calendar = calendars.get((source.name, symbol)) or _calendar(symbol, settings)
        yield ExpectedSeries(source.name, request.dataset, symbol, accepts[0], calendar, publication, accepts)


def _calendar(symbol: str, settings: Settings) -> str:
    listed = settings.watch_list
    if symbol in {pair.upper() for pair in listed.fx}:
        return FX
    is_coin = symbol in {coin.partition("=")[0] for coin in listed.crypto}
    return CRYPTO if is_coin else STOCKS_US
