"""The flow `ingest`: asks the providers and lands their answers in Bronze."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from itertools import groupby

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from config.load import ConfigError
from flows.handlers.models import Query
from flows.ingestion.failed_attempts import FailedAttempts
from flows.ingestion.fetch_files import fetch_files
from flows.ingestion.fetch_payloads import FetchResult, fetch_and_land, record_skipped
from flows.ingestion.landed_requests import uncovered_queries
from flows.ingestion.quota_plan import RateLimited, prioritise
from flows.ingestion.registry import source_named
from flows.ingestion.request_priority import group_by_dataset
from flows.ingestion.request_selection import SkippedProvider, latest_requests, queries
from flows.ingestion.source import FetchRequest, Handler, Source
from flows.ingestion.sources import massive
from flows.operations.run_summary import RunSummary, conclude
from jobs.runs.run_context import RunContext, open_run_context
from jobs.runs.run_log import INGEST, StageResult, record, recorded_clocks


@task(name="fetch-and-land", task_run_name="fetch-{provider}-{dataset}", cache_policy=NO_CACHE)
def fetch_dataset(
    provider: str,
    dataset: str,
    ctx: RunContext,
    handler: Handler,
    threads: int,
    wanted: Sequence[Query],
    attempts: FailedAttempts,
) -> FetchResult:
    """One dataset's queries, asked and landed; the HTTP layer retries, this does not."""
    del dataset  # names the task run
    return fetch_and_land(ctx, provider, handler, threads, wanted, attempts)


@task(name="fetch-files", cache_policy=NO_CACHE)
def fetch_files_task(ctx: RunContext, asks: Sequence[FetchRequest]) -> list[FetchResult]:
    """The flat files asked for, those that are new landed; the download retries, this does not."""
    return fetch_files(ctx, asks)


def ingest_all(ctx: RunContext, asks: Sequence[FetchRequest]) -> list[FetchResult]:
    """Asks everything and lands it; of a range, what an earlier run has landed is not asked again.

    After a refusal that concerns every query of a provider its datasets that are left are not asked;
    the other providers are.

    Raises:
        ConfigError: the lake was filled under another clock, or a secret is missing.
        LakeError: what was received could not be stored.
    """
    with ExitStack() as opened:
        # a key that is missing is found before anything is asked or noted
        names = dict.fromkeys(ask.provider for ask in asks if ask.provider != massive.PROVIDER)
        attempts = {name: FailedAttempts() for name in names}
        handlers = {
            name: opened.enter_context(closing(source_named(name).connect(ctx, attempts[name].tell)))
            for name in names
        }
        _require_same_clock(ctx)
        fetched: list[FetchResult] = []
        for provider, some in groupby(asks, key=lambda ask: ask.provider):
            if provider == massive.PROVIDER:
                fetched += fetch_files_task(ctx, list(some))
            else:
                fetched += _ingest(
                    ctx, source_named(provider), handlers[provider], list(some), attempts[provider]
                )
    return fetched


def record_skipped_providers(ctx: RunContext, left_out: Sequence[SkippedProvider]) -> list[FetchResult]:
    """A stage for each provider that is left out, with the reason, which the run's log says as a warning.

    Raises:
        LakeError: it could not be noted in ops.runs.
    """
    fetched = []
    for each in left_out:
        get_run_logger().warning("%s", each)
        result = StageResult(INGEST, each.provider, "done_with_failures", detail=f"not asked: {each.reason}")
        fetched.append(FetchResult(record(ctx.lake, ctx.run_id, result), ()))
    return fetched


def _ingest(
    ctx: RunContext, source: Source, handler: Handler, asks: Sequence[FetchRequest], attempts: FailedAttempts
) -> list[FetchResult]:
    now = ctx.clock()
    wanted = [
        query
        for ask in asks
        for query in uncovered_queries(ctx.lake, ask, queries(ask, ctx.settings, now.date()), now)
    ]
    if isinstance(handler, RateLimited):
        wanted = prioritise(ctx.lake, source.name, wanted, handler.limiter.limits, now)
    return _fetch_each(ctx, source, handler, group_by_dataset(wanted), attempts)


def _fetch_each(
    ctx: RunContext,
    source: Source,
    handler: Handler,
    wanted: Sequence[tuple[str, Sequence[Query]]],
    attempts: FailedAttempts,
) -> list[FetchResult]:
    fetched: list[FetchResult] = []
    threads = source.threads(ctx.settings)
    for dataset, some in wanted:
        if any(each.is_refused for each in fetched):
            fetched.append(record_skipped(ctx, source.name, some))
        else:
            fetched.append(fetch_dataset(source.name, dataset, ctx, handler, threads, some, attempts))
    return fetched


@flow(name="ingest", description="Ask a provider and land its answers in Bronze.")
def ingest(config_file: str | None = None) -> RunSummary:
    """Lands the latest data of the watch list; ends as completed with failures if symbols failed."""
    ctx = open_run_context(config_file)
    began = time.monotonic()
    fetched = ingest_all(ctx, latest_requests(ctx.settings))
    return conclude(ctx.run_id, fetched, [], time.monotonic() - began)


def _require_same_clock(ctx: RunContext) -> None:
    as_if_at = ctx.settings.as_if_at
    clock = f"as if at {as_if_at:%Y-%m-%d}" if as_if_at else "real time"
    other = recorded_clocks(ctx.lake) - {clock}
    if other:
        raise ConfigError(
            f"the lake {ctx.lake.root} was filled under another clock ({', '.join(sorted(other))}, now "
            f"{clock}): the demo's data and yours do not mix; set another `lake`, or move this one away"
        )
    record(ctx.lake, ctx.run_id, StageResult(INGEST, "providers", "started", detail=clock))
