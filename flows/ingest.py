"""The flow `ingest`: fetches the latest data and lands it in Bronze; builds nothing."""

from prefect import flow
from prefect.client.schemas import State

from flows.operations import ingest as operation
from flows.operations.run_summary import RunSummary
from flows.runtime.run_report import report_run
from flows.runtime.tasks import run_as_task
from jobs.runs.run_context import open_run_context


@flow(name="ingest", description="Fetch the latest data and land it in Bronze, without building anything.")
def ingest(config_file: str | None = None) -> State[RunSummary]:
    """Lands the latest data of the watch list; ends as CompletedWithFailures if symbols failed.

    Args:
        config_file: Settings file. Empty: the one that the worker's LAKEHOUSE_CONFIG names.

    Raises:
        ConfigError, LakeError: what is wrong and what to do.
    """
    ctx = open_run_context(config_file)
    return report_run(lambda: operation.ingest(ctx, run_as_task))
