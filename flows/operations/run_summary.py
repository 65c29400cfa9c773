"""The result of a run: its stages, what failed, and whether a gate blocked a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

from flows.ingestion.fetch_result import FailedRequest, FetchResult, SkippedProvider
from jobs.runs.stage import StageResult


@dataclass(frozen=True)
class RunSummary:
    """A run's stages in order, the failed requests, how many were not sent, and the skipped providers.

    `seconds` is the wall time from before the first request until after Gold was published. `nothing_to_do`
    says why the run ended before it began; None if it did not.
    """

    run_id: str
    stages: tuple[StageResult, ...] = ()
    failures: tuple[FailedRequest, ...] = ()
    not_requested: int = 0
    seconds: float = 0.0
    skipped_providers: tuple[SkippedProvider, ...] = ()
    nothing_to_do: str | None = None

    @property
    def has_failures(self) -> bool:
        """Whether anything that was requested is missing."""
        return bool(self.failures or self.not_requested or self.skipped_providers)

    @property
    def failures_text(self) -> str:
        """What is missing, in one line; empty if nothing is."""
        parts = [str(skipped) for skipped in self.skipped_providers]
        if self.failures or self.not_requested:
            first = [f"{one.dataset} {one.symbol}: {one.error_class}" for one in self.failures[:20]]
            counts = f"{len(self.failures)} failed, {self.not_requested} not requested"
            parts.append(f"{counts}: {'; '.join(first)}")
        return "; ".join(parts)


class BuildBlocked(Exception):
    """A gate refused a batch: names it, the checks and what to do; the tables are as they were."""

    def __init__(self, message: str, summary: RunSummary) -> None:
        super().__init__(message)
        self.summary = summary


def finish_run(
    run_id: str,
    fetched: Sequence[FetchResult],
    built: Sequence[StageResult],
    seconds: float,
    skipped_providers: Sequence[SkippedProvider] = (),
) -> RunSummary:
    """The summary of a run that has done all it could.

    Raises:
        BuildBlocked: a gate refused a batch; everything else was done. The error holds the summary.
    """
    summary = RunSummary(
        run_id,
        (*(result.result for result in fetched), *built),
        tuple(failure for result in fetched for failure in result.failures),
        sum(result.not_requested for result in fetched),
        seconds,
        tuple(skipped_providers),
    )
    blocked = [stage.detail or stage.subject for stage in summary.stages if stage.status == "blocked"]
    if blocked:
        raise BuildBlocked("; ".join(blocked), summary)
    return summary
