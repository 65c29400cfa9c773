"""Fetches and lands the queries of one dataset; one bad symbol stops nobody."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.records import Query, RawRecord
from flows.landing import bury, land
from flows.progress import report_progress
from flows.providers import Handler
from flows.run_log import INGEST, StageResult, record
from flows.workspace import Workspace

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
    """What has been received and not landed yet."""

    records: list[RawRecord] = field(default_factory=list)
    failures: list[tuple[Query, ProviderError]] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    def is_due(self) -> bool:
        waited = time.monotonic() - self.since
        return len(self.records) >= LAND_AFTER_PAYLOADS or waited > LAND_AFTER_SECONDS


def fetch_and_land(work: Workspace, provider: str, handler: Handler, wanted: Sequence[Query]) -> Fetched:
    """Asks all queries, `threads` at once, and lands the answers in a few commits.

    What has been received is landed even where a later query fails. After a refusal that concerns
    every query (quota exhausted, bad credentials) the rest is not asked.

    Raises:
        LakeError: what was received could not be stored.
    """
    began = time.monotonic()
    dataset = wanted[0].dataset
    basket, failures, landed, asked, is_refused = _Basket(), [], 0, 0, False
    for query, answer in _answers(handler, wanted, work.settings.providers.alphavantage.threads):
        asked += 1
        if isinstance(answer, ProviderError):
            basket.failures.append((query, answer))
            failures.append(_failure(query, answer))
            is_refused |= answer.stops_provider
        else:
            basket.records.extend(answer)
            landed += len(answer)
        if basket.is_due():
            basket = _land(work, provider, basket)
        report_progress(dataset, asked, len(wanted))
    _land(work, provider, basket)
    status = "done_with_failures" if failures else "done"
    result = StageResult(
        INGEST, dataset, status, time.monotonic() - began, len(wanted), landed, len(failures)
    )
    stored = record(work.lake, work.run_id, result)
    return Fetched(stored, tuple(failures), len(wanted) - asked, is_refused)


def leave_out(work: Workspace, wanted: Sequence[Query]) -> Fetched:
    """The queries of one dataset, none of them asked: the provider refuses all for now."""
    result = StageResult(
        INGEST,
        wanted[0].dataset,
        "done_with_failures",
        rows_in=len(wanted),
        detail="not asked: the provider had refused every query",
    )
    return Fetched(record(work.lake, work.run_id, result), (), len(wanted), is_refused=True)


def _answers(
    handler: Handler, wanted: Sequence[Query], threads: int
) -> Iterator[tuple[Query, list[RawRecord] | ProviderError]]:
    """Each query's answer as it comes; no query begins after a refusal that concerns them all."""
    queue = iter(wanted)
    with ThreadPoolExecutor(threads, thread_name_prefix="fetch") as pool:
        running: dict[Future[list[RawRecord] | ProviderError], Query] = {}
        is_stopped = False
        while True:
            while not is_stopped and len(running) < threads and (query := next(queue, None)):
                running[pool.submit(_ask, handler, query)] = query
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                answer = future.result()
                is_stopped |= isinstance(answer, ProviderError) and answer.stops_provider
                yield running.pop(future), answer


def _ask(handler: Handler, query: Query) -> list[RawRecord] | ProviderError:
    try:
        return list(handler.fetch(query))
    except ProviderError as error:
        return error


def _failure(query: Query, error: ProviderError) -> Failure:
    return Failure(query.dataset, query.symbol[:40], str(ErrorClass(error.error_class)), str(error)[:300])


def _land(work: Workspace, provider: str, basket: _Basket) -> _Basket:
    land(work.lake, basket.records, work.run_id)
    bury(work.lake, provider, basket.failures, work.run_id, work.clock())
    return _Basket()
