"""The flows `build` and `rebuild-gold`: from what has landed to Silver and Gold, through the gates."""

from prefect import flow
from prefect.client.schemas import State

from flows.operations import build as operation
from flows.operations.run_summary import RunSummary
from flows.runtime.run_report import report_run
from flows.runtime.tasks import run_as_task
from jobs.runs.run_context import open_run_context


@flow(name="build", description="Bring Silver and Gold up to what has landed, through the gates.")
def build(config_file: str | None = None) -> State[RunSummary]:
    """Builds what is pending.

    Args:
        config_file: Settings file. Empty: the one that the worker's LAKEHOUSE_CONFIG names.

    Raises:
        BuildBlocked: a gate refused a batch; the other tables were built.
    """
    ctx = open_run_context(config_file)
    return report_run(lambda: operation.build(ctx, run_as_task))


@flow(name="rebuild-gold", description="Compute all of Gold again, after a threshold or formula changed.")
def rebuild(config_file: str | None = None) -> State[RunSummary]:
    """Computes all of Gold again from Silver.

    Args:
        config_file: Settings file. Empty: the one that the worker's LAKEHOUSE_CONFIG names.

    Raises:
        BuildBlocked: a gate refused a batch.
    """
    ctx = open_run_context(config_file)
    return report_run(lambda: operation.rebuild_all_gold(ctx, run_as_task))
