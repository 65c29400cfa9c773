"""The flow `demo`: real daily prices and simulated intraday bars through the whole lakehouse."""

from prefect import flow
from prefect.client.schemas import State

from flows.operations.demo import fill_demo_lake
from flows.operations.run_summary import RunSummary
from flows.runtime.run_report import report_run
from flows.runtime.tasks import run_as_task
from jobs.runs.run_context import open_run_context


@flow(name="demo", description="Real daily prices and simulated intraday bars through the whole lakehouse.")
def demo() -> State[RunSummary]:
    """Lands and builds all daily histories, and intraday bars, overviews and currencies of the watch list.

    Raises:
        BuildBlocked: a gate refused a batch; everything else was done.
    """
    ctx = open_run_context()
    return report_run(lambda: fill_demo_lake(ctx, run_as_task))
