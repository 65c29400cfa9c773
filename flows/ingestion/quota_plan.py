"""What a run would ask, what that costs, and who would have to wait: without a call, and without a trace."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

from config.load import ConfigError
from config.settings import Settings
from delta_tables.storage.lake import Lake
from flows.handlers.models import Query, RateLimit
from flows.handlers.rate_limit.limiter import CallsLeft, RateLimiter
from flows.ingestion.landed_requests import uncovered_queries
from flows.ingestion.last_fetched import last_fetched_at
from flows.ingestion.registry import SOURCES, source_named
from flows.ingestion.request_priority import by_staleness, window_start
from flows.ingestion.request_selection import queries, restrict_to_symbols
from flows.ingestion.source import FetchRequest, PlanError, Source
from flows.ingestion.sources import massive
from jobs.runs.run_context import RunContext

_WAITED_OUT_SECONDS: Final = 60 * 60.0


@runtime_checkable
class RateLimited(Protocol):
    """A handler whose calls a limiter counts."""

    @property
    def limiter(self) -> RateLimiter:
        """The limiter of its provider and key."""


@dataclass(frozen=True)
class Waiting:
    """A query that this run would not ask, and the instant (UTC) at which a run could."""

    dataset: str
    symbol: str
    interval: str | None
    until: datetime


@dataclass(frozen=True)
class DatasetPlan:
    """One dataset's share: `calls` of its `queries` would be made by this run, the others wait."""

    dataset: str
    queries: int
    calls: int


@dataclass(frozen=True)
class ProviderPlan:
    """What a run would ask of a provider, one call a query; calls that have to be repeated come on top.

    `left` is what each limit allows now; `seconds` is how long the limits would keep this run, the answers'
    own time not counted; `problem` says why the provider cannot be asked at all, and nothing waits then.
    """

    provider: str
    datasets: tuple[DatasetPlan, ...]
    left: tuple[CallsLeft, ...] = ()
    seconds: float = 0.0
    waiting: tuple[Waiting, ...] = ()
    problem: str | None = None


def latest_requests(
    settings: Settings, datasets: Sequence[str], symbols: Sequence[str], provider: str | None
) -> tuple[FetchRequest, ...]:
    """The asks of an ordinary run, narrowed; a dataset that is named need not be one of such a run.

    Raises:
        PlanError: no provider that is used has the dataset; a symbol is of a kind that no dataset has.
        ConfigError: there is no such provider.
    """
    files = massive.latest_requests(settings) if provider in {None, massive.PROVIDER} else ()
    used = _used(settings, provider)
    known = dict.fromkeys(name for source in used for name in source.manifest.datasets)
    known |= dict.fromkeys(ask.dataset for ask in files)
    for dataset in datasets:
        if dataset not in known:
            raise PlanError(f"no provider in use has {dataset!r}; there is {', '.join(known)}")
    payloads = tuple(
        FetchRequest(dataset, provider=source.name)
        for source in used
        for dataset in (datasets or source.latest(settings))
        if dataset in source.manifest.datasets
    )
    payloads = restrict_to_symbols(payloads, symbols, settings.watch_list)
    return payloads + tuple(ask for ask in files if not datasets or ask.dataset in datasets)


def plan(ctx: RunContext, asks: Sequence[FetchRequest]) -> list[ProviderPlan]:
    """What a run would do with these asks, a plan for each provider that would be asked.

    Raises:
        PlanError: a provider or its plan does not have what is asked.
        LakeError, ProviderError: Bronze, or the record of calls made, cannot be read.
    """
    now = ctx.clock()
    wanted: dict[str, list[Query]] = {}
    files = [ask for ask in asks if ask.provider == massive.PROVIDER]
    for ask in (each for each in asks if each not in files):
        queries_of = queries(ask, ctx.settings, now.date())
        wanted.setdefault(ask.provider, []).extend(uncovered_queries(ctx.lake, ask, queries_of, now))
    plans = [_plan_of(source_named(provider), ctx, some) for provider, some in wanted.items() if some]
    return [*plans, *([_plan_of_files(ctx, files)] if files else [])]


def prioritise(
    lake: Lake, provider: str, queries: Sequence[Query], limits: Sequence[RateLimit], now: datetime
) -> list[Query]:
    """The queries of a run in order of need, by what Bronze holds.

    As they are, where every limit is of a window that a run waits out: then all have their turn.

    Raises:
        LakeError: Bronze is there and cannot be read.
    """
    if all(limit.per_seconds < _WAITED_OUT_SECONDS for limit in limits):
        return list(queries)
    return by_staleness(queries, last_fetched_at(lake, provider), window_start(limits, now))


def _used(settings: Settings, provider: str | None) -> list[Source]:
    """The sources of payloads that are meant: the one named, else those that have datasets switched on."""
    if provider is None:
        return [source for source in SOURCES.values() if source.latest(settings)]
    return [] if provider == massive.PROVIDER else [source_named(provider)]


def _plan_of_files(ctx: RunContext, asks: Sequence[FetchRequest]) -> ProviderPlan:
    """Flat files have no quota: each is looked for in the store, and downloaded where it is new."""
    counts = [(ask.dataset, len(massive.files_wanted(ask, ctx.settings, ctx.clock()))) for ask in asks]
    return ProviderPlan(massive.PROVIDER, tuple(DatasetPlan(name, count, count) for name, count in counts))


def _plan_of(source: Source, ctx: RunContext, wanted: Sequence[Query]) -> ProviderPlan:
    try:
        handler = source.connect(ctx)
    except ConfigError as error:
        return ProviderPlan(source.name, _shares(wanted, ()), problem=str(error))
    try:
        if not isinstance(handler, RateLimited):
            return ProviderPlan(source.name, _shares(wanted, wanted))
        limiter = handler.limiter
        return _metered(
            source.name, limiter, prioritise(ctx.lake, source.name, wanted, limiter.limits, ctx.clock())
        )
    finally:
        handler.close()


def _metered(provider: str, limiter: RateLimiter, ordered: Sequence[Query]) -> ProviderPlan:
    """The plan under a limiter; a run gives up at the first pause that the limiter does not wait out."""
    forecast = limiter.forecast(len(ordered))
    count = _calls_in_one_go(forecast.now, forecast.call_times, limiter.max_wait_seconds)
    last_at = forecast.call_times[count - 1] if count else forecast.now
    waiting = tuple(
        Waiting(query.dataset, query.symbol, query.interval, until)
        for query, until in zip(ordered[count:], forecast.call_times[count:], strict=True)
    )
    shares = _shares(ordered, ordered[:count])
    return ProviderPlan(provider, shares, forecast.left, (last_at - forecast.now).total_seconds(), waiting)


def _calls_in_one_go(now: datetime, times: Sequence[datetime], max_wait_seconds: float) -> int:
    before = now
    for count, at in enumerate(times):
        if (at - before).total_seconds() > max_wait_seconds:
            return count
        before = at
    return len(times)


def _shares(wanted: Sequence[Query], called: Sequence[Query]) -> tuple[DatasetPlan, ...]:
    datasets = dict.fromkeys(query.dataset for query in wanted)
    return tuple(
        DatasetPlan(
            dataset,
            sum(query.dataset == dataset for query in wanted),
            sum(query.dataset == dataset for query in called),
        )
        for dataset in datasets
    )
