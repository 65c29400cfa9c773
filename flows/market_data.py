"""The flow `market_data`: ingest, then build; and what both came to."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from prefect import flow
from prefect.client.schemas import State
from prefect.states import Completed

from flows.artifacts import publish_artifacts
from flows.build import build_all, require_published
from flows.fetching import Failure, Fetched
from flows.ingest import ingest_all
from flows.requests_plan import Ask, latest_asks
from flows.run_log import StageResult
from flows.silver_build import Built
from flows.workspace import Workspace, open_workspace


@dataclass(frozen=True)
class RunSummary:
    """What a run came to: its stages in order, the queries that failed, those not asked.

    `seconds` is the wall time from before the first request to after Gold was published.
    """

    run_id: str
    stages: tuple[StageResult, ...]
    failures: tuple[Failure, ...]
    not_asked: int
    seconds: float

    @property
    def has_failures(self) -> bool:
        """Whether anything asked for is missing."""
        return bool(self.failures or self.not_asked)


def run_asks(work: Workspace, asks: Sequence[Ask]) -> RunSummary:
    """Ingests, builds and publishes the artifacts of one run.

    Raises:
        BuildBlocked: a gate refused a batch; everything else was done.
        ConfigError, LakeError: what is wrong and what to do.
    """
    began = time.monotonic()
    fetched = ingest_all(work, asks)
    built = build_all(work)
    seconds = time.monotonic() - began
    publish_artifacts(fetched, built)
    require_published(built)
    return summarise(work.run_id, fetched, built, seconds)


def summarise(run_id: str, fetched: Sequence[Fetched], built: Sequence[Built], seconds: float) -> RunSummary:
    """The run's summary from its parts."""
    return RunSummary(
        run_id,
        tuple([each.result for each in fetched] + [each.result for each in built]),
        tuple(failure for each in fetched for failure in each.failures),
        sum(each.not_asked for each in fetched),
        seconds,
    )


def final_state(summary: RunSummary) -> RunSummary:
    """Completed, or completed with failures and the list of them.

    A state that a flow returns is how it ends; its caller gets the summary inside, hence the type.
    """
    return cast(RunSummary, _state(summary))


def _state(summary: RunSummary) -> State[RunSummary]:
    if not summary.has_failures:
        return Completed(data=summary)
    worst = "; ".join(f"{each.dataset} {each.symbol}: {each.error_class}" for each in summary.failures[:20])
    message = f"{len(summary.failures)} failed, {summary.not_asked} not asked: {worst}"
    return Completed(name="CompletedWithFailures", message=message, data=summary)


@flow(name="market-data", description="Fetch the watch list and bring Silver and Gold up to it.")
def market_data(config_file: str | None = None) -> RunSummary:
    """One run for the latest data of the watch list; ends as completed even if single symbols failed."""
    work = open_workspace(config_file)
    return final_state(run_asks(work, latest_asks(work.settings)))
