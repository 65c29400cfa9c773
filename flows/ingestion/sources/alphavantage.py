"""Alpha Vantage as a run sees it: which datasets the plan has, what to ask, what has been asked."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Final

from config.load import ConfigError
from config.secrets import Secrets
from config.settings import Settings
from flows.handlers import alphavantage
from flows.handlers.alphavantage.endpoints import PREMIUM_DATASETS
from flows.handlers.models import Query
from flows.handlers.transport.retry import HttpPolicy, OnRetry, ignore_attempt
from flows.ingestion.asset_types import SymbolKind, symbols_listed
from flows.ingestion.failed_attempts import ledger_home
from flows.ingestion.source import Ask, Handler, Landed, PlanError, Source
from jobs.market_calendar.sessions import sessions_between
from jobs.runs.run_context import RunContext

# Longer than the window of a plan by the minute, so that it is waited out; a day's quota is not.
_LONGEST_PAUSE_SECONDS = 120.0
_RECENT: Final = timedelta(hours=1)

_NO_KEY: Final = (
    "ALPHAVANTAGE_API_KEY is not set: put it in the environment or in .env (see .env.example); "
    "without a key, `make demo` runs on real prices of this machine"
)

_KINDS: Final[Mapping[str, tuple[SymbolKind, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(("daily", "intraday", "overview", "splits", "dividends"), ("stock",)),
        **dict.fromkeys(("fx_daily", "fx_intraday"), ("currency pair",)),
        **dict.fromkeys(("crypto_daily", "crypto_intraday"), ("coin",)),
        "news": ("stock", "coin"),
        **dict.fromkeys(("listing_status", "delisted_status"), ()),
    }
)
_PREMIUM = PREMIUM_DATASETS
_USUAL = ("daily", "intraday", "overview", "fx_daily")
_BY_NEWEST = ("daily", "fx_daily", "crypto_daily")
# https://www.alphavantage.co/documentation: what `outputsize=compact` gives
_NEWEST_SESSIONS = 100
_NEWEST_WITHIN_DAYS = 2 * _NEWEST_SESSIONS  # more than a hundred sessions of any calendar take
HISTORY = ("daily", "intraday", "fx_daily", "crypto_daily", "news")


def latest(settings: Settings) -> tuple[str, ...]:
    """The datasets of an ordinary run: those of the settings, else the usual ones that the plan has."""
    ours = settings.providers.alphavantage
    if ours.datasets is not None:
        return ours.datasets
    return tuple(name for name in _USUAL if not (ours.plan == "free" and name in _PREMIUM))


def queries(ask: Ask, settings: Settings, today: date) -> list[Query]:
    """The handler's queries for one ask, in watch-list order.

    Whole histories are asked for where the plan is entitled to them: a free key's `outputsize=full` is
    refused since May 2026, so it gets the newest 100 sessions only.

    Raises:
        PlanError: a dataset that there is not, that has no history, or that the plan does not have; sessions
            before those that a free key gets.
    """
    is_entitled = settings.providers.alphavantage.plan != "free"
    _require_known(ask, is_entitled=is_entitled)
    if not is_entitled and ask.start is not None and ask.dataset in _BY_NEWEST:
        _require_reached(ask.dataset, ask.start, ask.end or today, today)
    symbols = dict.fromkeys(symbol.upper() for symbol in ask.symbols or _listed(ask.dataset, settings))
    is_full = is_entitled and ask.start is not None
    if ask.dataset == "news":
        return [Query("news", symbol, start=ask.start, end=ask.end) for symbol in symbols]
    if ask.dataset not in _PREMIUM:
        return [Query(ask.dataset, symbol, is_full=is_full) for symbol in symbols]
    months = _months(ask.start, ask.end) if ask.start and ask.end else [None]
    return [
        Query(ask.dataset, symbol, interval, month, is_entitled)
        for symbol in symbols
        for interval in settings.intervals
        for month in (months if ask.dataset == "intraday" else [None])
    ]


def is_answered(query: Query, landed: Sequence[Landed], now: datetime) -> bool:
    """Whether an answer of the same size, or the whole history, came after what was asked for had ended.

    An answer from before the end of the range, of a month's query from before the end of that month,
    may lack its last bars and is asked again, unless it is younger than an hour: a backfill up to today
    that was killed goes on, too.
    """
    end = query.end or now.date()
    return any(
        (each.symbol, each.interval, _parameter(each.request, "month"))
        == (query.symbol, query.interval or _interval(query.dataset), query.month)
        and (not query.is_full or "outputsize=full" in each.request)
        and _same_times(query, each.request)
        and each.fetched_at >= min(_complete_at(end, query.month), now - _RECENT)
        for each in landed
    )


def _require_known(ask: Ask, *, is_entitled: bool) -> None:
    if ask.dataset not in alphavantage.MANIFEST.datasets:
        known = ", ".join(alphavantage.MANIFEST.datasets)
        raise PlanError(f"alphavantage has no dataset {ask.dataset!r}; there is {known}")
    if ask.start and ask.end and ask.start > ask.end:
        raise PlanError(f"the range is empty: it begins on {ask.start} and ends on {ask.end}")
    if ask.start and ask.dataset not in HISTORY:
        raise PlanError(f"no history of {ask.dataset!r}; there is {', '.join(HISTORY)}")
    if not is_entitled and ask.dataset in _PREMIUM:
        raise PlanError(
            f"the plan 'free' has no {ask.dataset} data; set providers.alphavantage.plan = 'premium'"
        )


def _require_reached(dataset: str, start: date, end: date, today: date) -> None:
    """Raises PlanError for sessions before the newest that a free key gets; today's counts from midnight."""
    calendar = alphavantage.MANIFEST.calendars[dataset]
    since = today - timedelta(days=_NEWEST_WITHIN_DAYS)
    first = sessions_between(calendar, since, today)[-_NEWEST_SESSIONS:][0].trade_dt
    beyond = sessions_between(calendar, start, min(end, first - timedelta(days=1)))
    if beyond:
        raise PlanError(
            f"the plan 'free' has the newest {_NEWEST_SESSIONS} sessions of {dataset}, from {first} on: "
            f"{len(beyond):,} sessions that were asked for, {beyond[0].trade_dt} to {beyond[-1].trade_dt}, "
            f"cannot be had; ask from {first}, or set providers.alphavantage.plan = 'premium'"
        )


def _listed(dataset: str, settings: Settings) -> Sequence[str]:
    kinds = _KINDS[dataset]
    return symbols_listed(settings.watch_list, kinds) if kinds else ("ALL",)


def _months(start: date, end: date) -> list[str | None]:
    first, last = start.year * 12 + start.month - 1, end.year * 12 + end.month - 1
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(first, last + 1)]


def _complete_at(end: date, month: str | None) -> datetime:
    """From when on an answer holds all its bars: after the range, or after the month asked for."""
    last = end
    if month:
        year, number = (int(part) for part in month.split("-"))
        last = min(end, date(year + number // 12, number % 12 + 1, 1) - timedelta(days=1))
    return datetime.combine(last + timedelta(days=1), time(4), UTC)


def _same_times(query: Query, request: str) -> bool:
    """Whether the request named the query's own range, which only news is asked for by."""
    if query.dataset != "news":
        return True
    asked = (_parameter(request, "time_from") or "", _parameter(request, "time_to") or "")
    wanted = [f"{day:%Y%m%d}" if day else "" for day in (query.start, query.end)]
    return [text[:8] for text in asked] == wanted


def _interval(dataset: str) -> str | None:
    return "1day" if dataset in ("daily", "fx_daily", "crypto_daily") else None


def _parameter(request: str, name: str) -> str | None:
    parts = dict(part.partition("=")[::2] for part in request.partition("?")[2].split("&"))
    return parts.get(name)


def _lacks_key(settings: Settings, secrets: Secrets) -> str | None:
    del settings
    return _NO_KEY if secrets.alphavantage_api_key is None else None


def _connect(ctx: RunContext, on_retry: OnRetry = ignore_attempt) -> Handler:
    settings = ctx.settings.providers.alphavantage
    key = ctx.secrets.alphavantage_api_key
    if key is None:
        raise ConfigError(_NO_KEY)
    return alphavantage.connect(
        key.get_secret_value(),
        ledger_home(ctx),
        plan=settings.plan,
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


SOURCE: Final = Source(
    manifest=alphavantage.MANIFEST,
    connect=_connect,
    latest=latest,
    history=HISTORY,
    queries=queries,
    is_answered=is_answered,
    threads=lambda settings: settings.providers.alphavantage.threads,
    kinds=_KINDS.__getitem__,
    lacks_key=_lacks_key,
)
