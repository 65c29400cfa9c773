"""What became of the requests of a run: fetched, failed, or not made because a provider was skipped."""

from collections.abc import Sequence
from dataclasses import dataclass

from flows.handlers.models import Query
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import INGEST
from jobs.runs.stage import StageResult, record


@dataclass(frozen=True)
class FailedRequest:
    """A query that brought no data, with its error class and what to do."""

    dataset: str
    symbol: str
    error_class: str
    message: str


@dataclass(frozen=True)
class FetchResult:
    """How the queries of one dataset ended.

    Attributes:
        result: The stage as ops.runs has it.
        failures: The queries that brought no data.
        not_requested: How many queries were not made after the provider had refused all.
        is_refused: Whether a refusal (quota exhausted, bad credentials) concerns the other datasets as well.
    """

    result: StageResult
    failures: tuple[FailedRequest, ...]
    not_requested: int = 0
    is_refused: bool = False


@dataclass(frozen=True)
class SkippedProvider:
    """A provider that a run skips, and why."""

    provider: str
    reason: str

    def __str__(self) -> str:
        """Both, and what to do if that is intended."""
        intended = f"if it is not wanted, set providers.{self.provider}.datasets = []"
        return f"{self.provider} was skipped: {self.reason}; {intended}"


def record_skipped(ctx: RunContext, provider: str, queries: Sequence[Query]) -> FetchResult:
    """Records that none of a dataset's queries was made, because the provider refuses all for now.

    Raises:
        LakeError: it could not be stored.
    """
    result = StageResult(
        INGEST,
        f"{provider}/{queries[0].dataset}",
        "done_with_failures",
        rows_in=len(queries),
        detail="not requested: the provider had refused every query",
    )
    return FetchResult(record(ctx, result), (), len(queries), is_refused=True)
