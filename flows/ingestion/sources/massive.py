"""Massive's flat files as a source: one file a session and dataset, with all tickers in it."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from config.load import ConfigError
from config.secrets import Secrets
from config.settings import Settings
from flows.handlers import massive
from flows.handlers.transport.retry import HttpPolicy, OnRetry, ignore_attempt
from flows.ingestion.source import Ask, PlanError
from jobs.market_calendar.sessions import Session, sessions_between
from jobs.runs.run_context import RunContext

PROVIDER = massive.MANIFEST.name

_CALENDAR = "XNYS"
_NEW_YORK = ZoneInfo("America/New_York")
# https://massive.com/knowledge-base/article/what-time-are-massives-flat-files-ready-each-day
_OUT_AT = time(11)
_LONGEST_CLOSURE_DAYS = 10  # more than the exchange has stayed closed in a row since 1934
_CONNECT_SECONDS = 30.0
_NO_KEYS = (
    "MASSIVE_ACCESS_KEY_ID and MASSIVE_SECRET_ACCESS_KEY are not both set: put them in the "
    "environment or in .env (Massive's dashboard shows them as S3 keys of the flat files)"
)


def latest_asks(settings: Settings) -> tuple[Ask, ...]:
    """The asks of an ordinary run: the newest files of each dataset that the settings name."""
    return tuple(Ask(dataset, provider=PROVIDER) for dataset in settings.providers.massive.datasets)


def range_asks(start: date, end: date, datasets: tuple[str, ...]) -> tuple[Ask, ...]:
    """The asks of a backfill from `start` to `end`, both included.

    Raises:
        PlanError: the range is empty, or a dataset is unknown.
    """
    asks = tuple(Ask(dataset, None, start, end, PROVIDER) for dataset in datasets)
    for ask in asks:
        _require_sense(ask)
    return asks


def files_wanted(ask: Ask, settings: Settings, now: datetime) -> list[tuple[str, date]]:
    """The dataset and session date of each file to look for, the oldest first.

    Of a range every session that has ended; else the last `latest_days` whose files should be out, and
    those that ended since then: whether a file is there, the store says and not the clock. Symbols do
    not matter: a file has all tickers, and is filtered when it is parsed.

    Raises:
        PlanError: the range is empty, or a dataset is unknown.
    """
    _require_sense(ask)
    if ask.start is not None and ask.end is not None:
        ended = _ended_sessions(ask.start, ask.end, now)
        return [(ask.dataset, session.trade_dt) for session in ended]
    wanted = settings.providers.massive.latest_days
    today = now.astimezone(_NEW_YORK).date()
    ended = _ended_sessions(today - timedelta(days=2 * wanted + _LONGEST_CLOSURE_DAYS), today, now)
    due = [session for session in ended if is_due(session.trade_dt, now)]
    first = due[-wanted:][0].trade_dt if due else today
    return [(ask.dataset, session.trade_dt) for session in ended if session.trade_dt >= first]


def is_due(day: date, now: datetime) -> bool:
    """Whether the session's file should be out: from about 11:00 New York on the next day."""
    return now >= datetime.combine(day + timedelta(days=1), _OUT_AT, _NEW_YORK)


def lacks_key(settings: Settings, secrets: Secrets) -> str | None:
    """Which secrets are not set, and what to do; None where both are."""
    del settings
    if secrets.massive_access_key_id is None or secrets.massive_secret_access_key is None:
        return _NO_KEYS
    return None


def connect(ctx: RunContext, on_retry: OnRetry = ignore_attempt) -> massive.Massive:
    """The file store, with the workspace's settings and secrets; `on_retry` as every handler's.

    Raises:
        ConfigError: a secret is missing or cannot be one.
    """
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


def _require_sense(ask: Ask) -> None:
    if ask.dataset not in massive.MANIFEST.datasets:
        known = ", ".join(massive.MANIFEST.datasets)
        raise PlanError(f"{PROVIDER} has no dataset {ask.dataset!r}; there is {known}")
    if ask.start is not None and ask.end is not None and ask.start > ask.end:
        raise PlanError(f"the range is empty: it begins on {ask.start} and ends on {ask.end}")


def _ended_sessions(start: date, end: date, now: datetime) -> list[Session]:
    return [session for session in sessions_between(_CALENDAR, start, end) if session.close_at <= now]
