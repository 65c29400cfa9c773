"""Fetches from the providers and lands what they return in Bronze."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import partial
from itertools import groupby

from config.load import ConfigError
from flows.handlers.models import Query
from flows.ingestion.failed_attempts import FailedAttempts
from flows.ingestion.fetch_files import fetch_files
from flows.ingestion.fetch_payloads import fetch_and_land
from flows.ingestion.fetch_result import FetchResult, SkippedProvider, record_skipped
from flows.ingestion.past_calls import past_calls
from flows.ingestion.quota_plan import RateLimited, pending_queries, prioritise
from flows.ingestion.registry import source_named
from flows.ingestion.request_priority import group_by_dataset
from flows.ingestion.request_selection import latest_requests
from flows.ingestion.source import FetchRequest, FileSource, PayloadHandler, PayloadSource
from flows.operations.run_summary import RunSummary, finish_run
from flows.operations.steps import StepRunner, run_directly
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import INGEST, recorded_clocks
from jobs.runs.stage import StageResult, record, record_start


def ingest(ctx: RunContext, run_step: StepRunner = run_directly) -> RunSummary:
    """Lands the latest data of the watch list, and builds nothing.

    Raises:
        ConfigError, LakeError: as `ingest_all`.
    """
    began = time.monotonic()
    fetched = ingest_all(ctx, latest_requests(ctx.settings), run_step)
    return finish_run(ctx.run_id, fetched, [], time.monotonic() - began)


def ingest_all(
    ctx: RunContext, requests: Sequence[FetchRequest], run_step: StepRunner = run_directly
) -> list[FetchResult]:
    """Sends all requests and lands the responses; parts of a range that have landed are not requested again.

    Once a provider has refused a request for a reason that concerns all of them, its remaining datasets are
    not requested; the other providers are.

    Raises:
        ConfigError: the lake was filled under another clock, or a secret is missing.
        LakeError: what was received could not be stored.
    """
    with ExitStack() as open_handlers:
        # a missing key is found before anything is requested or recorded
        ingests = {
            name: open_handlers.enter_context(closing(_PayloadIngest(ctx, source)))
            for name in dict.fromkeys(request.provider for request in requests)
            if isinstance(source := source_named(name), PayloadSource)
        }
        _require_same_clock(ctx)
        fetched: list[FetchResult] = []
        for provider, group in groupby(requests, key=lambda request: request.provider):
            source, of_provider = source_named(provider), list(group)
            if isinstance(source, FileSource):
                fetched += run_step(f"fetch-{provider}", partial(fetch_files, ctx, of_provider))
            else:
                fetched += ingests[provider].run(of_provider, run_step)
    return fetched


class _PayloadIngest:
    """One payload source during a run: its open handler, and the failed attempts that it reports."""

    def __init__(self, ctx: RunContext, source: PayloadSource) -> None:
        self._ctx, self._source, self._attempts = ctx, source, FailedAttempts()
        self._handler: PayloadHandler = source.connect(ctx, self._attempts.record)
        if isinstance(self._handler, RateLimited) and ctx.settings.simulated_now is None:
            self._handler.limiter.recover(partial(past_calls, ctx.lake, source.name))

    def close(self) -> None:
        """Releases the handler's connections and files."""
        self._handler.close()

    def run(self, requests: Sequence[FetchRequest], run_step: StepRunner) -> list[FetchResult]:
        """Sends the requests dataset by dataset, and lands the responses."""
        fetched: list[FetchResult] = []
        threads = self._source.threads(self._ctx.settings)
        for dataset, queries in group_by_dataset(self._queries(requests)):
            if any(result.is_refused for result in fetched):
                fetched.append(record_skipped(self._ctx, self._source.name, queries))
                continue
            step = partial(
                fetch_and_land,
                self._ctx,
                self._source.name,
                self._handler,
                threads,
                queries,
                self._attempts,
            )
            fetched.append(run_step(f"fetch-{self._source.name}-{dataset}", step))
        return fetched

    def _queries(self, requests: Sequence[FetchRequest]) -> list[Query]:
        """The queries of the requests that no landed payload covers, the most needed first."""
        queries = pending_queries(self._ctx, self._source, requests)
        if isinstance(self._handler, RateLimited):
            limits, now = self._handler.limiter.limits, self._ctx.clock()
            return prioritise(self._ctx.lake, self._source.name, queries, limits, now)
        return queries


def record_skipped_providers(ctx: RunContext, skipped: Sequence[SkippedProvider]) -> list[FetchResult]:
    """One stage per skipped provider, with the reason.

    Raises:
        LakeError: it could not be recorded in ops.runs.
    """
    fetched = []
    for one in skipped:
        result = StageResult(
            INGEST, one.provider, "done_with_failures", detail=f"not requested: {one.reason}"
        )
        fetched.append(FetchResult(record(ctx, result), ()))
    return fetched


def _require_same_clock(ctx: RunContext) -> None:
    simulated_now = ctx.settings.simulated_now
    clock = f"as if at {simulated_now:%Y-%m-%d}" if simulated_now else "real time"
    other = recorded_clocks(ctx.lake) - {clock}
    if other:
        raise ConfigError(
            f"the lake {ctx.lake.root} was filled under another clock ({', '.join(sorted(other))}, now "
            f"{clock}): demo data and real data must not share a lake; set another `lake`, or move this "
            "one away"
        )
    record_start(ctx, INGEST, "providers", clock)
