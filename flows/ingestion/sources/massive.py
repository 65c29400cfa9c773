"""Massive's flat files: one file per dataset and session, with all tickers in it."""

from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from config.load import ConfigError
from config.secrets import Secrets
from config.settings import Settings
from flows.handlers import massive
from flows.handlers.massive.files import file_key
from flows.handlers.transport.retry import HttpPolicy, OnRetry, ignore_attempt
from flows.ingestion.publication_times import at_exchange_time
from flows.ingestion.source import FetchRequest, FileHandler, FileSource
from jobs.market_calendar.session import Session
from jobs.market_calendar.sessions import sessions_between
from jobs.runs.run_context import RunContext

_CALENDAR: Final = "XNYS"
_NEW_YORK: Final = ZoneInfo("America/New_York")
# https://massive.com/knowledge-base/article/what-time-are-massives-flat-files-ready-each-day
_PUBLISHED_AT: Final = time(11)
_PUBLISHED_DAYS_AFTER: Final = 1
_WAIT_HOURS: Final = 24
_MAX_CLOSED_DAYS: Final = 10  # the exchange has not stayed closed for longer since 1934
_CONNECT_SECONDS: Final = 30.0
_NO_KEYS: Final = (
    "MASSIVE_ACCESS_KEY_ID and MASSIVE_SECRET_ACCESS_KEY are not both set: put them in the "
    "environment or in .env (Massive's dashboard shows them as S3 keys of the flat files)"
)


def _days(request: FetchRequest, settings: Settings, now: datetime) -> list[date]:
    """The session dates of the files, the oldest first.

    Of a range every session that has ended; else the last `latest_days` whose files should be published, and
    all that ended since then: the store says whether a file is there, not the clock. Symbols do not matter: a
    file has all tickers, and is filtered when it is parsed.
    """
    if request.start is not None and request.end is not None:
        return [session.trade_dt for session in _ended_sessions(request.start, request.end, now)]
    count = settings.providers.massive.latest_days
    today = now.astimezone(_NEW_YORK).date()
    ended = _ended_sessions(today - timedelta(days=2 * count + _MAX_CLOSED_DAYS), today, now)
    due = [session for session in ended if _is_due(session.trade_dt, now)]
    first = due[-count:][0].trade_dt if due else today
    return [session.trade_dt for session in ended if session.trade_dt >= first]


def _is_due(day: date, now: datetime) -> bool:
    """Whether the session's file should be published: from about 11:00 New York on the next day."""
    published_on = day + timedelta(days=_PUBLISHED_DAYS_AFTER)
    return now >= datetime.combine(published_on, _PUBLISHED_AT, _NEW_YORK)


def _ended_sessions(start: date, end: date, now: datetime) -> list[Session]:
    return [session for session in sessions_between(_CALENDAR, start, end) if session.close_at <= now]


def _missing_credentials(settings: Settings, secrets: Secrets) -> str | None:
    """Which secrets are not set, and what to do; None if both are set."""
    del settings
    if secrets.massive_access_key_id is None or secrets.massive_secret_access_key is None:
        return _NO_KEYS
    return None


def _connect(ctx: RunContext, on_retry: OnRetry = ignore_attempt) -> FileHandler:
    settings, secrets = ctx.settings.providers.massive, ctx.secrets
    if secrets.massive_access_key_id is None or secrets.massive_secret_access_key is None:
        raise ConfigError(_NO_KEYS)
    try:
        return massive.connect(
            secrets.massive_access_key_id.get_secret_value(),
            secrets.massive_secret_access_key.get_secret_value(),
            endpoint_url=str(settings.endpoint_url).rstrip("/"),
            bucket=settings.bucket,
            clock=ctx.clock,
            on_retry=on_retry,
            policy=HttpPolicy(
                connect_timeout_seconds=min(_CONNECT_SECONDS, settings.timeout_seconds),
                read_timeout_seconds=settings.timeout_seconds,
                attempts=settings.attempts,
                pool_size=settings.threads,
            ),
        )
    except ValueError as error:
        raise ConfigError(f"MASSIVE_ACCESS_KEY_ID, MASSIVE_SECRET_ACCESS_KEY: {error}") from None


SOURCE: Final = FileSource(
    manifest=massive.MANIFEST,
    latest_datasets=lambda settings: settings.providers.massive.datasets,
    history=massive.MANIFEST.datasets,
    threads=lambda settings: settings.providers.massive.threads,
    publications=MappingProxyType(
        dict.fromkeys(
            massive.MANIFEST.datasets, at_exchange_time(_PUBLISHED_AT, _PUBLISHED_DAYS_AFTER, _WAIT_HOURS)
        )
    ),
    missing_credentials=_missing_credentials,
    connect=_connect,
    days_of=_days,
    is_due=_is_due,
    file_key=file_key,
)
