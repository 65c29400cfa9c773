"""The dry run of a fetch: its queries, what they cost, and which would be deferred. No call, no trace."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

from config.load import ConfigError
from delta_tables.storage.lake import Lake
from flows.handlers.models import Query, RateLimit
from flows.handlers.rate_limit.limiter import RateLimiter
from flows.handlers.rate_limit.windows import RemainingCalls
from flows.ingestion.landed_requests import last_fetched_at, uncovered_queries
from flows.ingestion.registry import PAYLOAD_SOURCES, source_named
from flows.ingestion.request_priority import by_staleness, window_start
from flows.ingestion.source import FetchRequest, FileSource, PayloadSource
from jobs.runs.run_context import RunContext

_WAITED_OUT_SECONDS: Final = 60 * 60.0


@runtime_checkable
class RateLimited(Protocol):
    """A handler whose calls a limiter counts."""

    @property
    def limiter(self) -> RateLimiter:
        """The limiter of its provider and key."""


@dataclass(frozen=True)
class DeferredQuery:
    """A query that this run would not make, and the instant (UTC) at which a run could."""

    dataset: str
    symbol: str
    interval: str | None
    until: datetime


@dataclass(frozen=True)
class DatasetPlan:
    """One dataset's share: this run would make `calls` of its `queries` and defer the others."""

    dataset: str
    queries: int
    calls: int


@dataclass(frozen=True)
class ProviderPlan:
    """What a run would request from a provider, one call per query; retries come on top.

    Attributes:
        provider: The provider's name.
        datasets: Each dataset's queries and calls.
        left: What each limit allows now.
        seconds: How long the limits would delay this run, response times not counted.
        waiting: The queries that would be deferred, in order.
        problem: Why the provider cannot be requested at all; then nothing is deferred.
    """

    provider: str
    datasets: tuple[DatasetPlan, ...]
    left: tuple[RemainingCalls, ...] = ()
    seconds: float = 0.0
    waiting: tuple[DeferredQuery, ...] = ()
    problem: str | None = None


def plan(ctx: RunContext, requests: Sequence[FetchRequest]) -> list[ProviderPlan]:
    """What a run would do with these requests: one plan per provider.

    Raises:
        PlanError: a provider or its plan does not have what is requested.
        LakeError, ProviderError: Bronze or the call store cannot be read.
    """
    plans = []
    for provider in dict.fromkeys(request.provider for request in requests):
        source = source_named(provider)
        chosen = [request for request in requests if request.provider == provider]
        if isinstance(source, FileSource):
            plans.append(_file_plan(ctx, source, chosen))
        elif queries := pending_queries(ctx, PAYLOAD_SOURCES[provider], chosen):
            plans.append(_payload_plan(ctx, PAYLOAD_SOURCES[provider], queries))
    return plans


def pending_queries(ctx: RunContext, source: PayloadSource, requests: Sequence[FetchRequest]) -> list[Query]:
    """The queries of these requests that no landed response covers.

    Raises:
        PlanError: the provider or the plan does not have what is requested.
        LakeError: Bronze exists and cannot be read.
    """
    now = ctx.clock()
    return [
        query
        for request in requests
        for query in uncovered_queries(
            ctx.lake, request, source.queries(request, ctx.settings, now.date()), now
        )
    ]


def prioritise(
    lake: Lake, provider: str, queries: Sequence[Query], limits: Sequence[RateLimit], now: datetime
) -> list[Query]:
    """The queries of a run, those that have waited longest first.

    They stay in their order if a run waits out the window of every limit: then all have their turn.

    Raises:
        LakeError: Bronze exists and cannot be read.
    """
    if all(limit.per_seconds < _WAITED_OUT_SECONDS for limit in limits):
        return list(queries)
    return by_staleness(queries, last_fetched_at(lake, provider), window_start(limits, now))


def _file_plan(ctx: RunContext, source: FileSource, requests: Sequence[FetchRequest]) -> ProviderPlan:
    """Flat files have no quota: each is looked up in the store, and downloaded if it is new."""
    now = ctx.clock()
    counts = [(request.dataset, len(source.days(request, ctx.settings, now))) for request in requests]
    return ProviderPlan(source.name, tuple(DatasetPlan(name, count, count) for name, count in counts))


def _payload_plan(ctx: RunContext, source: PayloadSource, queries: Sequence[Query]) -> ProviderPlan:
    try:
        handler = source.connect(ctx)
    except ConfigError as error:
        return ProviderPlan(source.name, _dataset_plans(queries, ()), problem=str(error))
    try:
        if not isinstance(handler, RateLimited):
            return ProviderPlan(source.name, _dataset_plans(queries, queries))
        limiter = handler.limiter
        ordered = prioritise(ctx.lake, source.name, queries, limiter.limits, ctx.clock())
        return _limited_plan(source.name, limiter, ordered)
    finally:
        handler.close()


def _limited_plan(provider: str, limiter: RateLimiter, ordered: Sequence[Query]) -> ProviderPlan:
    """The plan under a limiter; a run gives up at the first pause that the limiter does not wait out."""
    forecast = limiter.forecast(len(ordered))
    count = _calls_in_one_go(forecast.now, forecast.call_times, limiter.max_wait_seconds)
    last_at = forecast.call_times[count - 1] if count else forecast.now
    deferred = tuple(
        DeferredQuery(query.dataset, query.symbol, query.interval, until)
        for query, until in zip(ordered[count:], forecast.call_times[count:], strict=True)
    )
    return ProviderPlan(
        provider,
        _dataset_plans(ordered, ordered[:count]),
        forecast.remaining,
        (last_at - forecast.now).total_seconds(),
        deferred,
    )


def _calls_in_one_go(now: datetime, times: Sequence[datetime], max_wait_seconds: float) -> int:
    before = now
    for count, at in enumerate(times):
        if (at - before).total_seconds() > max_wait_seconds:
            return count
        before = at
    return len(times)


def _dataset_plans(queries: Sequence[Query], called: Sequence[Query]) -> tuple[DatasetPlan, ...]:
    return tuple(
        DatasetPlan(
            dataset,
            sum(query.dataset == dataset for query in queries),
            sum(query.dataset == dataset for query in called),
        )
        for dataset in dict.fromkeys(query.dataset for query in queries)
    )
