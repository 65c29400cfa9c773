"""Fetches and lands the queries of one dataset; a failing query does not stop the others."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from delta_tables.storage.commits import commit
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import Query, RawPayload
from flows.handlers.transport.retry import FailedAttempt
from flows.ingestion.concurrent_fetch import ConcurrentFetch
from flows.ingestion.failed_attempts import FailedAttempts
from flows.ingestion.fetch_result import FailedRequest, FetchResult
from flows.ingestion.source import PayloadHandler
from flows.landing.payloads import append_dead_letters, append_payloads
from jobs.runs.progress import report_progress
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import INGEST
from jobs.runs.stage import StageResult, record

Response = list[RawPayload] | ProviderError
LAND_AFTER_PAYLOADS = 200
LAND_AFTER_SECONDS = 5.0
_MAX_SYMBOL_CHARS, _MAX_MESSAGE_CHARS = 40, 300


@dataclass
class _Batch:
    """What has been received and not been landed yet, and the counts of all that came."""

    attempts: FailedAttempts
    payloads: list[RawPayload] = field(default_factory=list)
    failed_attempts: list[FailedAttempt] = field(default_factory=list)
    failures: list[tuple[Query, ProviderError]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    requested: int = 0
    landed: int = 0
    is_refused: bool = False
    all_failures: list[FailedRequest] = field(default_factory=list)

    def add(self, responses: Iterable[tuple[Query, Response]]) -> None:
        """Adds the responses to these queries."""
        for query, response in responses:
            self.requested += 1
            if isinstance(response, ProviderError):
                self.failures.append((query, response))
                self.all_failures.append(_failed_request(query, response))
                self.is_refused |= response.stops_provider
            else:
                self.payloads.extend(response)
                self.landed += len(response)

    def is_due(self) -> bool:
        """Whether the batch is large or old enough for a commit."""
        age_seconds = time.monotonic() - self.began
        return len(self.payloads) >= LAND_AFTER_PAYLOADS or age_seconds > LAND_AFTER_SECONDS

    def commit(self, ctx: RunContext, provider: str) -> None:
        """Lands the batch and empties it; an interrupt waits for both, so that nothing is landed twice."""
        with commit():
            append_payloads(ctx.lake, self.payloads, ctx.run_id)
            self.payloads = []
            self.failed_attempts += self.attempts.drain()
            now = ctx.clock()
            append_dead_letters(ctx.lake, provider, self.failures, ctx.run_id, now, self.failed_attempts)
            self.failures, self.failed_attempts, self.began = [], [], time.monotonic()


def fetch_and_land(
    ctx: RunContext,
    provider: str,
    handler: PayloadHandler,
    threads: int,
    queries: Sequence[Query],
    attempts: FailedAttempts | None = None,
) -> FetchResult:
    """Fetches all queries, `threads` at once, and lands the responses in a few commits.

    What has been received is landed whatever happens to a later query, an interrupt included; a kill loses at
    most the last seconds. After a refusal that concerns every query (quota exhausted, bad credentials) the
    rest is not requested. `attempts` is where the handler records the attempts that it retried; they become
    dead letters.

    Raises:
        LakeError: what was received could not be stored.
    """
    began = time.monotonic()
    dataset = queries[0].dataset
    batch = _Batch(attempts or FailedAttempts())
    fetching: ConcurrentFetch[Query, Response] = ConcurrentFetch(
        partial(_fetch, handler), _stops_all, threads, handler.stop
    )
    try:
        with fetching:
            for responses in fetching.responses(queries):
                batch.add(responses)
                if batch.is_due():
                    batch.commit(ctx, provider)
                report_progress(dataset, batch.requested, len(queries))
    finally:
        batch.add(fetching.received())
        batch.commit(ctx, provider)
    failures = tuple(batch.all_failures)
    result = StageResult(
        INGEST,
        f"{provider}/{dataset}",
        "done_with_failures" if failures else "done",
        time.monotonic() - began,
        len(queries),
        batch.landed,
        len(failures),
    )
    return FetchResult(record(ctx, result), failures, len(queries) - batch.requested, batch.is_refused)


def _fetch(handler: PayloadHandler, query: Query) -> Response:
    """One query's payloads; a provider's error is a value, so that it does not stop the other queries."""
    try:
        return list(handler.fetch(query))
    except ProviderError as error:
        return error


def _stops_all(response: Response) -> bool:
    return isinstance(response, ProviderError) and response.stops_provider


def _failed_request(query: Query, error: ProviderError) -> FailedRequest:
    return FailedRequest(
        query.dataset,
        query.symbol[:_MAX_SYMBOL_CHARS],
        str(ErrorClass(error.error_class)),
        str(error)[:_MAX_MESSAGE_CHARS],
    )
