"""CoinGecko: the watch list's coins, their latest prices or ranges of hourly prices."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Final

from config.load import ConfigError
from config.secrets import Secrets
from config.settings import Settings
from delta_tables.intervals import DAILY
from flows.handlers import coingecko
from flows.handlers.coingecko.endpoints import HOURLY_DAYS, Lookback, endpoint_request
from flows.handlers.models import Query
from flows.handlers.transport.retry import OnRetry, ignore_attempt
from flows.ingestion.failed_attempts import call_store_location
from flows.ingestion.http_policy import MAX_PAUSE_SECONDS, http_policy
from flows.ingestion.publication_times import after_close
from flows.ingestion.source import FetchRequest, LandedResponse, PayloadHandler, PayloadSource
from jobs.runs.errors import PlanError
from jobs.runs.run_context import RunContext

_FREE_DAYS: Final = 365  # https://docs.coingecko.com: how far back the plans public and demo reach
_RECENT: Final = timedelta(hours=1)


def _queries(request: FetchRequest, settings: Settings, today: date) -> list[Query]:
    """One query per coin in watch-list order; for a range one per 90 days: a longer one has daily points.

    A coin requested by its symbol alone gets the id that the watch list gives it.

    Raises:
        PlanError: a range in the future, or earlier than the plan reaches.
    """
    coins = _coins(request, settings)
    if request.start is None or request.end is None:
        return [Query(request.dataset, coin) for coin in coins]
    _require_reachable(request.start, settings.providers.coingecko.plan, today)
    ranges = list(_split(request.start, min(request.end, today)))
    return [Query(request.dataset, coin, start=first, end=last) for coin in coins for first, last in ranges]


def _is_covered(query: Query, landed: Sequence[LandedResponse], now: datetime) -> bool:
    """Whether a response to the same range was fetched after its end, or within the last hour."""
    if query.end is None:
        return False
    expected = endpoint_request(query, Lookback())
    complete_at = datetime.combine(query.end + timedelta(days=1), time(), UTC)
    return any(
        response.symbol == expected.coin.symbol
        and response.request.endswith(expected.canonical)
        and response.fetched_at >= min(complete_at, now - _RECENT)
        for response in landed
    )


def _bar_intervals(query: Query, settings: Settings) -> tuple[str, ...]:
    """The interval of the latest bars, then that of a range if it is another one.

    CoinGecko chooses it: a chart of the last day has a point every five minutes, of any earlier day every
    hour.
    """
    latest = endpoint_request(Query(query.dataset, "BTC-USD"), _lookback(settings)).interval or DAILY
    return tuple(dict.fromkeys((latest, "60min") if query.dataset == "market_chart" else (latest,)))


def _symbol(query: Query) -> str:
    """The coin without its id: `PEPE-USD` of `PEPE-USD=pepe`."""
    return query.symbol.partition("=")[0]


def _coins(request: FetchRequest, settings: Settings) -> list[str]:
    listed = {coin.partition("=")[0]: coin for coin in settings.watch_list.crypto}
    if not request.symbols:
        return list(listed.values())
    named = [symbol.partition("=") for symbol in request.symbols]
    with_ids = (
        f"{symbol.upper()}={coin_id}" if coin_id else listed.get(symbol.upper(), symbol.upper())
        for symbol, _, coin_id in named
    )
    return list(dict.fromkeys(with_ids))


def _require_reachable(start: date, plan: str, today: date) -> None:
    if start > today:
        raise PlanError(f"the range begins on {start}, after today ({today})")
    first = today - timedelta(days=_FREE_DAYS)
    if plan != "pro" and start < first:
        raise PlanError(
            f"the subscription plan {plan!r} reaches back to {first}: start there, or set "
            "providers.coingecko.plan = 'pro'"
        )


def _split(start: date, end: date) -> Iterator[tuple[date, date]]:
    while start <= end:
        last = min(end, start + timedelta(days=HOURLY_DAYS - 1))
        yield start, last
        start = last + timedelta(days=1)


def _lookback(settings: Settings) -> Lookback:
    return Lookback(settings.providers.coingecko.chart_days, settings.providers.coingecko.ohlc_days)


def _missing_credentials(settings: Settings, secrets: Secrets) -> str | None:
    plan = settings.providers.coingecko.plan
    if secrets.coingecko_api_key is not None or plan == "public":
        return None
    return (
        f"COINGECKO_API_KEY is not set, and the subscription plan {plan!r} needs it: put it into the "
        "environment or .env (see .env.example), or set providers.coingecko.plan = 'public'"
    )


def _connect(ctx: RunContext, on_retry: OnRetry = ignore_attempt) -> PayloadHandler:
    settings = ctx.settings.providers.coingecko
    key = ctx.secrets.coingecko_api_key
    if reason := _missing_credentials(ctx.settings, ctx.secrets):
        raise ConfigError(reason)
    return coingecko.connect(
        key.get_secret_value() if key and settings.plan != "public" else "",
        call_store_location(ctx),
        plan=settings.plan,
        base_url=str(settings.base_url) if settings.base_url else None,
        lookback=_lookback(ctx.settings),
        calls_per_minute=settings.calls_per_minute,
        calls_per_month=settings.calls_per_month,
        clock=ctx.clock,
        max_wait_seconds=MAX_PAUSE_SECONDS,
        on_retry=on_retry,
        policy=http_policy(settings),
    )


SOURCE: Final = PayloadSource(
    manifest=coingecko.MANIFEST,
    latest_datasets=lambda settings: settings.providers.coingecko.datasets,
    history=("market_chart",),
    threads=lambda settings: settings.providers.coingecko.threads,
    publications=MappingProxyType({"market_chart": after_close(15, 12), "ohlc": after_close(30, 12)}),
    missing_credentials=_missing_credentials,
    connect=_connect,
    queries_of=_queries,
    is_covered=_is_covered,
    asset_types=lambda _dataset: ("coin",),
    bar_intervals=_bar_intervals,
    symbol_of=_symbol,
    # the last `chart_days` times 24 hours hold one whole UTC day less
    latest_sessions=lambda settings: {
        "market_chart": settings.providers.coingecko.chart_days,
        "ohlc": settings.providers.coingecko.ohlc_days,
    },
)
