"""Fetches and lands the queries of one dataset; one bad symbol stops nobody."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import Query, RawPayload
from flows.handlers.transport.retry import FailedAttempt
from flows.ingestion.failed_attempts import FailedAttempts
from flows.ingestion.source import Handler
from flows.landing.payloads import bury, land
from jobs.runs.progress import report_progress
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import INGEST, StageResult, record

Answer = list[RawPayload] | ProviderError
LAND_AFTER_PAYLOADS = 200
LAND_AFTER_SECONDS = 5.0


@dataclass(frozen=True)
class Failure:
    """A query that gave no data, with its class and what to do."""

    dataset: str
    symbol: str
    error_class: str
    message: str


@dataclass(frozen=True)
class Fetched:
    """How the queries of one dataset ended; `not_asked` were left out after the provider refused all.

    `is_refused`: the provider's refusal (quota exhausted, bad credentials) concerns other datasets too.
    """

    result: StageResult
    failures: tuple[Failure, ...]
    not_asked: int = 0
    is_refused: bool = False


@dataclass
class _Basket:
    """What has been received and not landed yet, and the count of all that came."""

    attempts: FailedAttempts
    records: list[RawPayload] = field(default_factory=list)
    failed_attempts: list[FailedAttempt] = field(default_factory=list)
    failures: list[tuple[Query, ProviderError]] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)
    asked: int = 0
    landed: int = 0
    is_refused: bool = False
    all_failures: list[Failure] = field(default_factory=list)

    def put(self, query: Query, answer: Answer) -> None:
        """Takes in one query's answer."""
        self.asked += 1
        if isinstance(answer, ProviderError):
            self.failures.append((query, answer))
            self.all_failures.append(_failure(query, answer))
            self.is_refused |= answer.stops_provider
        else:
            self.records.extend(answer)
            self.landed += len(answer)

    def is_due(self) -> bool:
        """Whether enough has come, or waited long enough, for a commit."""
        waited = time.monotonic() - self.since
        return len(self.records) >= LAND_AFTER_PAYLOADS or waited > LAND_AFTER_SECONDS

    def empty(self, ctx: RunContext, provider: str) -> None:
        """Lands what is in it."""
        land(ctx.lake, self.records, ctx.run_id)
        self.records = []
        self.failed_attempts += self.attempts.take()
        bury(ctx.lake, provider, self.failures, ctx.run_id, ctx.clock(), self.failed_attempts)
        self.failures, self.failed_attempts, self.since = [], [], time.monotonic()


def fetch_and_land(
    ctx: RunContext,
    provider: str,
    handler: Handler,
    threads: int,
    wanted: Sequence[Query],
    attempts: FailedAttempts | None = None,
) -> Fetched:
    """Asks all queries, `threads` at once, and lands the answers in a few commits.

    `attempts` is what the handler tells its failed attempts to; they go to the dead letters, too.

    What has been received is landed whatever happens to a later query; a kill loses at most the last
    seconds. After a refusal that concerns every query (quota exhausted, bad credentials) the rest is
    not asked.

    Raises:
        LakeError: what was received could not be stored.
    """
    began = time.monotonic()
    dataset = wanted[0].dataset
    basket = _Basket(attempts or FailedAttempts())
    try:
        for received in _answers(handler, wanted, threads):
            for query, answer in received:
                basket.put(query, answer)
            if basket.is_due():
                basket.empty(ctx, provider)
            report_progress(dataset, basket.asked, len(wanted))
    finally:
        basket.empty(ctx, provider)
    failures = tuple(basket.all_failures)
    status = "done_with_failures" if failures else "done"
    result = StageResult(
        INGEST,
        f"{provider}/{dataset}",
        status,
        time.monotonic() - began,
        len(wanted),
        basket.landed,
        len(failures),
    )
    stored = record(ctx.lake, ctx.run_id, result)
    return Fetched(stored, failures, len(wanted) - basket.asked, basket.is_refused)


def leave_out(ctx: RunContext, provider: str, wanted: Sequence[Query]) -> Fetched:
    """The queries of one dataset, none of them asked: the provider refuses all for now."""
    result = StageResult(
        INGEST,
        f"{provider}/{wanted[0].dataset}",
        "done_with_failures",
        rows_in=len(wanted),
        detail="not asked: the provider had refused every query",
    )
    return Fetched(record(ctx.lake, ctx.run_id, result), (), len(wanted), is_refused=True)


def _answers(handler: Handler, wanted: Sequence[Query], threads: int) -> Iterator[list[tuple[Query, Answer]]]:
    """The answers as they come, at least once a second (then perhaps none).

    No query begins after a refusal that concerns them all.
    """
    queue = iter(wanted)
    with ThreadPoolExecutor(threads, thread_name_prefix="fetch") as pool:
        running: dict[Future[Answer], Query] = {}
        is_stopped = False
        while True:
            while not is_stopped and len(running) < threads and (query := next(queue, None)):
                running[pool.submit(_ask, handler, query)] = query
            if not running:
                return
            done = wait(running, timeout=1.0, return_when=FIRST_COMPLETED).done
            received = [(running.pop(future), future.result()) for future in done]
            is_stopped |= any(isinstance(each, ProviderError) and each.stops_provider for _, each in received)
            yield received


def _ask(handler: Handler, query: Query) -> Answer:
    try:
        return list(handler.fetch(query))
    except ProviderError as error:
        return error


def _failure(query: Query, error: ProviderError) -> Failure:
    return Failure(query.dataset, query.symbol[:40], str(ErrorClass(error.error_class)), str(error)[:300])
