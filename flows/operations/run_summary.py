"""What a run came to, and how it ends: completed, completed with failures, or blocked by a gate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from prefect.client.schemas import State
from prefect.states import Completed

from flows.ingestion.fetch_payloads import Failure, Fetched
from flows.ingestion.request_selection import LeftOut
from flows.runtime.artifacts import publish_artifacts
from jobs.pipelines.silver_payloads import Built
from jobs.runs.run_log import StageResult


@dataclass(frozen=True)
class RunSummary:
    """A run's stages in order, the queries that failed, those not asked, the providers left out.

    `seconds` is the wall time from before the first request to after Gold was published.
    """

    run_id: str
    stages: tuple[StageResult, ...]
    failures: tuple[Failure, ...]
    not_asked: int
    seconds: float
    left_out: tuple[LeftOut, ...] = ()

    @property
    def has_failures(self) -> bool:
        """Whether anything asked for is missing."""
        return bool(self.failures or self.not_asked or self.left_out)


class BuildBlocked(Exception):
    """A gate refused a batch: names it, the checks and what to do; the tables are as they were."""

    def __init__(self, message: str, summary: RunSummary) -> None:
        super().__init__(message)
        self.summary = summary


def conclude(
    run_id: str,
    fetched: Sequence[Fetched],
    built: Sequence[Built],
    seconds: float,
    left_out: Sequence[LeftOut] = (),
) -> RunSummary:
    """Publishes the run's artifacts and ends it.

    A state that a flow returns is how it ends; its caller gets the summary inside, hence the type.

    Raises:
        BuildBlocked: a gate refused a batch; everything else was done.
    """
    publish_artifacts(fetched, built)
    summary = RunSummary(
        run_id,
        tuple([each.result for each in fetched] + [each.result for each in built]),
        tuple(failure for each in fetched for failure in each.failures),
        sum(each.not_asked for each in fetched),
        seconds,
        tuple(left_out),
    )
    blocked = [stage.detail or stage.subject for stage in summary.stages if stage.status == "blocked"]
    if blocked:
        raise BuildBlocked("; ".join(blocked), summary)
    return cast(RunSummary, _state(summary))


def skipped(run_id: str, reason: str) -> RunSummary:
    """Ends a run that has nothing to do: as completed, named Skipped, with the reason."""
    nothing = RunSummary(run_id, (), (), 0, 0.0)
    return cast(RunSummary, Completed(name="Skipped", message=reason, data=nothing))


def _state(summary: RunSummary) -> State[RunSummary]:
    if not summary.has_failures:
        return Completed(data=summary)
    parts = [str(each) for each in summary.left_out]
    if summary.failures or summary.not_asked:
        worst = [f"{each.dataset} {each.symbol}: {each.error_class}" for each in summary.failures[:20]]
        parts.append(f"{len(summary.failures)} failed, {summary.not_asked} not asked: {'; '.join(worst)}")
    return Completed(name="CompletedWithFailures", message="; ".join(parts), data=summary)
