"""CoinGecko as a source: the watch list's coins, their latest prices or ranges of a year's hours."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from config.load import ConfigError
from config.secrets import Secrets
from config.settings import Settings
from flows.handlers import coingecko
from flows.handlers.coingecko.endpoints import HOURLY_DAYS, Reach, question
from flows.handlers.models import Query
from flows.handlers.transport.retry import HttpPolicy, OnRetry, ignore_attempt
from flows.ingestion.failed_attempts import ledger_home
from flows.ingestion.source import Ask, Handler, Landed, PlanError, Source
from jobs.runs.run_context import RunContext

# Longer than the minute in which calls are counted, so that it is waited out; a month's quota is not.
_LONGEST_PAUSE_SECONDS = 120.0
_FREE_REACH_DAYS = 365  # https://docs.coingecko.com: what a call of the plans public and demo may ask for
_RECENT = timedelta(hours=1)


def queries(ask: Ask, settings: Settings, today: date) -> list[Query]:
    """One query a coin in watch-list order; of a range, one for each 90 days: longer ones come by the day.

    A coin asked for by its symbol alone has the id that the watch list gives it.

    Raises:
        PlanError: an unknown dataset, one without ranges, an empty range, or one beyond the plan's reach.
    """
    if ask.dataset not in coingecko.MANIFEST.datasets:
        known = ", ".join(coingecko.MANIFEST.datasets)
        raise PlanError(f"coingecko has no dataset {ask.dataset!r}; there is {known}")
    coins = _coins(ask, settings)
    if ask.start is None or ask.end is None:
        return [Query(ask.dataset, coin) for coin in coins]
    _require_range(ask.dataset, ask.start, ask.end, settings.providers.coingecko.plan, today)
    pieces = list(_pieces(ask.start, min(ask.end, today)))
    return [Query(ask.dataset, coin, start=first, end=last) for coin in coins for first, last in pieces]


def is_answered(query: Query, landed: Sequence[Landed], now: datetime) -> bool:
    """Whether the same range was answered after it had ended, or within the last hour."""
    if query.end is None:
        return False
    asked = question(query, Reach())
    complete_at = datetime.combine(query.end + timedelta(days=1), time(), UTC)
    return any(
        each.symbol == asked.coin.symbol
        and each.request.endswith(asked.canonical)
        and each.fetched_at >= min(complete_at, now - _RECENT)
        for each in landed
    )


def _coins(ask: Ask, settings: Settings) -> list[str]:
    listed = {coin.partition("=")[0]: coin for coin in settings.watch_list.crypto}
    if not ask.symbols:
        return list(listed.values())
    asked = [symbol.partition("=") for symbol in ask.symbols]
    spelled = (
        f"{symbol.upper()}={coin_id}" if coin_id else listed.get(symbol.upper(), symbol.upper())
        for symbol, _, coin_id in asked
    )
    return list(dict.fromkeys(spelled))


def _require_range(dataset: str, start: date, end: date, plan: str, today: date) -> None:
    if dataset not in SOURCE.history:
        raise PlanError(f"no history of {dataset!r} by date; there is {', '.join(SOURCE.history)}")
    if start > end:
        raise PlanError(f"the range is empty: it begins on {start} and ends on {end}")
    if start > today:
        raise PlanError(f"the range begins on {start}, after today ({today})")
    first = today - timedelta(days=_FREE_REACH_DAYS)
    if plan != "pro" and start < first:
        raise PlanError(
            f"the plan {plan!r} reaches back to {first}; ask from there, or set "
            "providers.coingecko.plan = 'pro'"
        )


def _pieces(start: date, end: date) -> Iterator[tuple[date, date]]:
    while start <= end:
        last = min(end, start + timedelta(days=HOURLY_DAYS - 1))
        yield start, last
        start = last + timedelta(days=1)


def _lacks_key(settings: Settings, secrets: Secrets) -> str | None:
    plan = settings.providers.coingecko.plan
    if secrets.coingecko_api_key is not None or plan == "public":
        return None
    return (
        f"COINGECKO_API_KEY is not set, and the plan {plan!r} needs it: put it into the "
        "environment or .env (see .env.example), or set providers.coingecko.plan = 'public'"
    )


def _connect(ctx: RunContext, on_retry: OnRetry = ignore_attempt) -> Handler:
    settings = ctx.settings.providers.coingecko
    key = ctx.secrets.coingecko_api_key
    if reason := _lacks_key(ctx.settings, ctx.secrets):
        raise ConfigError(reason)
    return coingecko.connect(
        key.get_secret_value() if key and settings.plan != "public" else "",
        ledger_home(ctx),
        plan=settings.plan,
        base_url=str(settings.base_url) if settings.base_url else None,
        reach=Reach(settings.chart_days, settings.ohlc_days),
        calls_per_minute=settings.calls_per_minute,
        calls_per_month=settings.calls_per_month,
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
    manifest=coingecko.MANIFEST,
    connect=_connect,
    latest=lambda settings: settings.providers.coingecko.datasets,
    history=("market_chart",),
    queries=queries,
    is_answered=is_answered,
    threads=lambda settings: settings.providers.coingecko.threads,
    kinds=lambda _: ("coin",),
    lacks_key=_lacks_key,
)
