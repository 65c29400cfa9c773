"""The flow `backfill`: a range of sessions, resumable, with its progress shown."""

from datetime import date

from prefect import flow
from prefect.client.schemas import State

from flows.operations.backfill import BackfillRange
from flows.operations.backfill import backfill as run_backfill
from flows.operations.run_summary import RunSummary
from flows.runtime.progress_artifact import progress_artifact
from flows.runtime.run_report import report_run
from flows.runtime.tasks import run_as_task
from jobs.runs.run_context import open_run_context


@flow(name="backfill", description="Fetch a range of history; what has landed already is not fetched again.")
def backfill(
    start: date,
    end: date,
    datasets: list[str] | None = None,
    symbols: list[str] | None = None,
    config_file: str | None = None,
    provider: str | None = None,
) -> State[RunSummary]:
    """Lands and builds the sessions from `start` to `end`, both included.

    Daily series come whole (one call per symbol), intraday bars month by month. A run that was killed
    continues where it stopped.

    Args:
        start: The first session's date.
        end: The last session's date.
        datasets: Such as daily or intraday. Empty: those of an ordinary run that have a history.
        symbols: Such as AAPL; each is requested only from datasets of its type. Empty: the watch list.
        config_file: Settings file. Empty: the one that the worker's LAKEHOUSE_CONFIG names.
        provider: Request this provider, such as massive for flat files. Empty: every other provider in use
            that has the dataset.

    Raises:
        BuildBlocked: a gate refused a batch; everything else was done.
        PlanError: there is no such history, the plan does not include it, or no dataset has a symbol's type.
    """
    ctx = open_run_context(config_file)
    wanted = BackfillRange(start, end, datasets or (), symbols or (), provider)
    with progress_artifact("backfill-progress"):
        return report_run(lambda: run_backfill(ctx, wanted, run_as_task))
