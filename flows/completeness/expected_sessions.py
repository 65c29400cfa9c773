"""What is expected: the series that the settings name, and their sessions that have ended."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from config.settings import CoinGeckoSettings, CompletenessSettings, PublicationSettings, Settings
from delta_tables.intervals import DAILY, INTERVAL_MINUTES
from flows.completeness.publication import due, publications
from flows.completeness.session_state import Due
from flows.handlers import bse, coingecko, massive
from flows.handlers.coingecko.endpoints import Reach, question
from flows.handlers.models import Query
from flows.ingestion.request_selection import latest_requests, queries
from flows.ingestion.source import FetchRequest
from jobs.market_calendar.sessions import CRYPTO, FX, STOCKS_US, Session, calendar_sessions

ALL, NO_INTERVAL = "ALL", "none"
FILES = {each.name: each.calendars for each in (massive.MANIFEST, bse.MANIFEST)}
Calendars = Mapping[tuple[str, str], str]
Key = tuple[str, str, str, str, date]


@dataclass(frozen=True)
class Series:
    """What a provider is expected to give session by session.

    `interval` is `none` for files; `accepts` are the intervals of bars that will do, that one first.
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
    def key(self) -> tuple[str, str, str, str]:
        """Provider, dataset, symbol and interval."""
        return self.provider, self.dataset, self.symbol, self.interval


@dataclass(frozen=True)
class Expected:
    """One session of a series; `bars` by accepted interval are those of a full regular session."""

    series: Series
    trade_dt: date
    due: Due
    bars: Mapping[str, int]

    @property
    def key(self) -> Key:
        """The key in ops.completeness."""
        return (*self.series.key, self.trade_dt)


def watched_series(settings: Settings, today: date, calendars: Calendars) -> list[Series]:
    """The series of an ordinary run whose dataset has a publication, in the order in which it asks.

    `calendars`: those that bars of a (provider, symbol) were found to have; for others the kind in the
    watch list decides, a stock's being New York's.
    """
    known = publications(settings.completeness)
    found: dict[tuple[str, str, str, str], Series] = {}
    for ask in latest_requests(settings):
        publication = known.get((ask.provider, ask.dataset))
        if publication is not None:
            found |= {each.key: each for each in _series(ask, settings, today, calendars, publication)}
    return list(found.values())


def expected_sessions(
    series: Series, completeness: CompletenessSettings, now: datetime
) -> Iterator[Expected]:
    """The series' last sessions that have ended, as many as are looked back, oldest first."""
    for session in last_sessions(series.calendar, completeness.lookback_sessions, now):
        bars = {interval: _full_session(session, interval) for interval in series.accepts}
        yield Expected(series, session.trade_dt, due(series.publication, session), bars)


def last_sessions(calendar: str, count: int, now: datetime) -> tuple[Session, ...]:
    """The calendar's last sessions that have ended by `now`, oldest first."""
    known = calendar_sessions(calendar)
    ended = bisect_right(known, now, key=lambda session: session.close_at)
    return known[max(0, ended - count) : ended]


def _full_session(session: Session, interval: str) -> int:
    minutes = (session.close_at - session.open_at) / timedelta(minutes=1)
    return 1 if interval == DAILY else math.ceil(minutes / INTERVAL_MINUTES[interval])


def _series(
    ask: FetchRequest, settings: Settings, today: date, calendars: Calendars, publication: PublicationSettings
) -> Iterator[Series]:
    name = (ask.provider, ask.dataset)
    if ask.provider in FILES:
        calendar = FILES[ask.provider][ask.dataset]
        yield Series(*name, ALL, NO_INTERVAL, calendar, publication)
        return
    for query in queries(ask, settings, today):
        accepts = _intervals(ask.provider, query, settings.providers.coingecko)
        symbol = query.symbol.partition("=")[0] if ask.provider == coingecko.MANIFEST.name else query.symbol
        calendar = calendars.get((ask.provider, symbol)) or _calendar(symbol, settings)
        yield Series(*name, symbol, accepts[0], calendar, publication, accepts)


def _intervals(provider: str, query: Query, coins: CoinGeckoSettings) -> tuple[str, ...]:
    """The interval of the latest bars, then that of a range where it is another one.

    CoinGecko chooses it: of the last day a chart comes by five minutes, of any day before by the hour.
    """
    if provider != coingecko.MANIFEST.name:
        return (query.interval or DAILY,)
    latest = question(Query(query.dataset, "BTC-USD"), Reach(coins.chart_days, coins.ohlc_days)).interval
    found = (latest or DAILY, "60min") if query.dataset == "market_chart" else (latest or DAILY,)
    return tuple(dict.fromkeys(found))


def _calendar(symbol: str, settings: Settings) -> str:
    listed = settings.watch_list
    if symbol in {pair.upper() for pair in listed.fx}:
        return FX
    is_coin = symbol in {coin.partition("=")[0] for coin in listed.crypto}
    return CRYPTO if is_coin else STOCKS_US
