"""Alpha Vantage: the datasets of each plan, the queries of a request, and which responses cover a query."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Final

from config.load import ConfigError
from config.secrets import Secrets
from config.settings import PublicationSettings, Settings
from flows.handlers import alphavantage
from flows.handlers.alphavantage.endpoints import PREMIUM_DATASETS
from flows.handlers.models import Query
from flows.handlers.transport.retry import OnRetry, ignore_attempt
from flows.ingestion.asset_types import AssetType, listed_symbols
from flows.ingestion.failed_attempts import call_store_location
from flows.ingestion.http_policy import MAX_PAUSE_SECONDS, http_policy
from flows.ingestion.publication_times import after_close
from flows.ingestion.source import FetchRequest, LandedResponse, PayloadHandler, PayloadSource
from jobs.market_calendar.sessions import sessions_between
from jobs.runs.errors import PlanError
from jobs.runs.run_context import RunContext

_RECENT: Final = timedelta(hours=1)

_NO_KEY: Final = (
    "ALPHAVANTAGE_API_KEY is not set: put it in the environment or in .env (see .env.example); "
    "without a key, `make demo` runs on real prices of this machine"
)

_ASSET_TYPES: Final[Mapping[str, tuple[AssetType, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(("daily", "intraday", "overview", "splits", "dividends"), ("stock",)),
        **dict.fromkeys(("fx_daily", "fx_intraday"), ("currency pair",)),
        **dict.fromkeys(("crypto_daily", "crypto_intraday"), ("coin",)),
        "news": ("stock", "coin"),
        **dict.fromkeys(("listing_status", "delisted_status"), ()),
    }
)
_DEFAULT_DATASETS: Final = ("daily", "intraday", "overview", "fx_daily")
HISTORY: Final = ("daily", "intraday", "fx_daily", "crypto_daily", "news")

# https://www.alphavantage.co/documentation: what `outputsize=compact` gives
_COMPACT_DATASETS: Final = ("daily", "fx_daily", "crypto_daily")
_COMPACT_SESSIONS: Final = 100
_COMPACT_DAYS: Final = 2 * _COMPACT_SESSIONS  # more than that many sessions of any calendar take
_LATEST_SESSIONS: Final = MappingProxyType(
    {
        **dict.fromkeys(_COMPACT_DATASETS, _COMPACT_SESSIONS),
        **dict.fromkeys(("intraday", "fx_intraday", "crypto_intraday"), 20),
    }
)
# The provider does not say when bars are published: these are times at which they have been seen. Each wait
# ends before the next session is published, so that a gap is known before there are two.
_PUBLICATIONS: Final[Mapping[str, PublicationSettings]] = MappingProxyType(
    {
        "daily": after_close(180, 16),
        "intraday": after_close(30, 6),
        "fx_daily": after_close(60, 12),
        "fx_intraday": after_close(30, 6),
        "crypto_daily": after_close(60, 12),
        "crypto_intraday": after_close(30, 6),
    }
)


def _latest_datasets(settings: Settings) -> tuple[str, ...]:
    """The datasets of the settings; by default the usual ones that the plan includes."""
    chosen = settings.providers.alphavantage
    if chosen.datasets is not None:
        return chosen.datasets
    return tuple(name for name in _DEFAULT_DATASETS if chosen.plan != "free" or name not in PREMIUM_DATASETS)


def _queries(request: FetchRequest, settings: Settings, today: date) -> list[Query]:
    """The queries in watch-list order.

    Whole histories are requested if the plan includes them: `outputsize=full` is refused to a free key since
    May 2026, so a free key gets the newest 100 sessions only.

    Raises:
        PlanError: a dataset that the plan does not include; sessions before those that a free key gets.
    """
    is_free = settings.providers.alphavantage.plan == "free"
    if is_free:
        _require_free(request, today)
    symbols = dict.fromkeys(
        symbol.upper() for symbol in request.symbols or _listed(request.dataset, settings)
    )
    if request.dataset == "news":
        return [Query("news", symbol, start=request.start, end=request.end) for symbol in symbols]
    if request.dataset not in PREMIUM_DATASETS:
        is_full = not is_free and request.start is not None
        return [Query(request.dataset, symbol, is_full=is_full) for symbol in symbols]
    months: list[str | None] = [None]
    if request.dataset == "intraday" and request.start and request.end:
        months = _months(request.start, request.end)
    return [
        Query(request.dataset, symbol, interval, month, not is_free)
        for symbol in symbols
        for interval in settings.intervals
        for month in months
    ]


def _is_covered(query: Query, landed: Sequence[LandedResponse], now: datetime) -> bool:
    """Whether a response of the same or a larger output size was fetched after the query's range had ended.

    A response from before the end of the range (for a month's query: of that month) may lack the last bars
    and is fetched again, unless it is younger than an hour, so that a killed backfill up to today continues.
    """
    end = query.end or now.date()
    return any(
        (response.symbol, response.interval, _parameter(response.request, "month"))
        == (query.symbol, query.interval or _interval(query.dataset), query.month)
        and (not query.is_full or "outputsize=full" in response.request)
        and _has_same_times(query, response.request)
        and response.fetched_at >= min(_complete_at(end, query.month), now - _RECENT)
        for response in landed
    )


def _require_free(request: FetchRequest, today: date) -> None:
    """Raises PlanError for a dataset or sessions that a free key does not get."""
    if request.dataset in PREMIUM_DATASETS:
        raise PlanError(
            f"the subscription plan 'free' has no {request.dataset} data; set "
            "providers.alphavantage.plan = 'premium'"
        )
    if request.start is not None and request.dataset in _COMPACT_DATASETS:
        _require_compact(request.dataset, request.start, request.end or today, today)


def _require_compact(dataset: str, start: date, end: date, today: date) -> None:
    """Raises PlanError for sessions before the newest 100; today's session counts from midnight."""
    calendar = alphavantage.MANIFEST.calendars[dataset]
    since = today - timedelta(days=_COMPACT_DAYS)
    first = sessions_between(calendar, since, today)[-_COMPACT_SESSIONS:][0].trade_dt
    missing = sessions_between(calendar, start, min(end, first - timedelta(days=1)))
    if missing:
        raise PlanError(
            f"the subscription plan 'free' has the newest {_COMPACT_SESSIONS} sessions of {dataset}, from "
            f"{first} on; the range has {len(missing):,} earlier sessions, {missing[0].trade_dt} to "
            f"{missing[-1].trade_dt}: "
            f"start at {first}, or set providers.alphavantage.plan = 'premium'"
        )


def _listed(dataset: str, settings: Settings) -> Sequence[str]:
    asset_types = _ASSET_TYPES[dataset]
    return listed_symbols(settings.watch_list, asset_types) if asset_types else ("ALL",)


def _months(start: date, end: date) -> list[str | None]:
    first, last = start.year * 12 + start.month - 1, end.year * 12 + end.month - 1
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(first, last + 1)]


def _complete_at(end: date, month: str | None) -> datetime:
    """The instant from which a response holds all its bars: after the range, or after the query's month."""
    last = end
    if month:
        year, number = (int(part) for part in month.split("-"))
        last = min(end, date(year + number // 12, number % 12 + 1, 1) - timedelta(days=1))
    return datetime.combine(last + timedelta(days=1), time(4), UTC)


def _has_same_times(query: Query, request: str) -> bool:
    """Whether the request has the query's range; only requests for news name one."""
    if query.dataset != "news":
        return True
    landed = (_parameter(request, "time_from") or "", _parameter(request, "time_to") or "")
    expected = [f"{day:%Y%m%d}" if day else "" for day in (query.start, query.end)]
    return [text[:8] for text in landed] == expected


def _interval(dataset: str) -> str | None:
    return "1day" if dataset in _COMPACT_DATASETS else None


def _parameter(request: str, name: str) -> str | None:
    parts = dict(part.partition("=")[::2] for part in request.partition("?")[2].split("&"))
    return parts.get(name)


def _missing_credentials(settings: Settings, secrets: Secrets) -> str | None:
    del settings
    return _NO_KEY if secrets.alphavantage_api_key is None else None


def _connect(ctx: RunContext, on_retry: OnRetry = ignore_attempt) -> PayloadHandler:
    settings = ctx.settings.providers.alphavantage
    key = ctx.secrets.alphavantage_api_key
    if key is None:
        raise ConfigError(_NO_KEY)
    return alphavantage.connect(
        key.get_secret_value(),
        call_store_location(ctx),
        plan=settings.plan,
        base_url=str(settings.base_url),
        clock=ctx.clock,
        max_wait_seconds=MAX_PAUSE_SECONDS,
        on_retry=on_retry,
        policy=http_policy(settings),
    )


SOURCE: Final = PayloadSource(
    manifest=alphavantage.MANIFEST,
    latest_datasets=_latest_datasets,
    history=HISTORY,
    threads=lambda settings: settings.providers.alphavantage.threads,
    publications=_PUBLICATIONS,
    missing_credentials=_missing_credentials,
    connect=_connect,
    queries_of=_queries,
    is_covered=_is_covered,
    asset_types=_ASSET_TYPES.__getitem__,
    latest_sessions=lambda _settings: _LATEST_SESSIONS,
)
