"""The flow `replay`: reprocesses Bronze, after a parser or rule fix."""

from datetime import date

from prefect import flow
from prefect.client.schemas import State

from flows.operations.replay import replay as run_replay
from flows.operations.run_summary import RunSummary
from flows.runtime.run_report import report_run
from flows.runtime.tasks import run_as_task
from jobs.pipelines.replay.scope import ReplayScope
from jobs.runs.run_context import open_run_context


@flow(name="replay", description="Reprocess Bronze after a parser or rule fix.")
def replay(
    providers: list[str] | None = None,
    symbols: list[str] | None = None,
    start: date | None = None,
    end: date | None = None,
    config_file: str | None = None,
    tables: list[str] | None = None,
) -> State[RunSummary]:
    """Silver of the scope from Bronze alone, then all of Gold, and for ticks the days that changed.

    Only flat files whose bytes have expired are fetched, and only the same versions.

    Args:
        providers: Reprocess what these providers sent. Empty: all of them.
        symbols: Reprocess the whole histories of these symbols. Empty: all symbols.
        start: Only series with a payload received on or after this date, UTC. Empty: from the beginning.
        end: Only series with a payload received on or before this date, UTC. Empty: until now.
        config_file: Settings file. Empty: the one that the worker's LAKEHOUSE_CONFIG names.
        tables: Only what these tables are built from, such as silver.trades. Empty: all of Silver.

    Raises:
        BuildBlocked: a gate refused a batch, or a day's files can no longer be fetched; all else was done.
        PlanError: a table that is not built from Bronze; a symbol or provider of which Bronze holds nothing.
    """
    ctx = open_run_context(config_file)
    scope = ReplayScope(tuple(providers or ()), tuple(symbols or ()), start, end, tuple(tables or ()))
    return report_run(lambda: run_replay(ctx, scope, run_as_task))
