"""The flow `backfill`: a range of sessions, resumable, with its progress shown."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import cast
from uuid import UUID

from prefect import flow
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from flows.ingestion.request_selection import range_asks
from flows.market_data import run_asks
from flows.operations.run_summary import RunSummary
from jobs.runs.progress import Observer, current_observer, observed_by
from jobs.runs.run_context import open_run_context

_STEP_PCT = 5.0


@flow(name="backfill", description="Fetch a range of history; what has landed already is not asked again.")
def backfill(
    start: date,
    end: date,
    datasets: list[str] | None = None,
    symbols: list[str] | None = None,
    config_file: str | None = None,
    provider: str | None = None,
) -> RunSummary:
    """Lands and builds the sessions from `start` to `end`, both included.

    Daily series come whole (one call a symbol), intraday bars month by month. A run that was killed
    goes on where it stopped.

    Args:
        start: The first session's date.
        end: The last session's date.
        datasets: Such as daily or intraday. Empty: those of an ordinary run that have a history.
        symbols: Such as AAPL; each is asked only of datasets that have its kind. Empty: the watch list.
        config_file: Settings file. Empty: the one that the worker's LAKEHOUSE_CONFIG names.
        provider: Ask this provider, such as massive for flat files. Empty: every other provider in use that
            has the dataset.

    Raises:
        BuildBlocked: a gate refused a batch; everything else was done.
        PlanError: there is no such history, or the plan does not have it; a symbol's kind no dataset has.
    """
    ctx = open_run_context(config_file)
    today = ctx.clock().date()
    asks = range_asks(ctx.settings, start, end, datasets, symbols, provider, today)
    with _progress_artifact():
        return run_asks(ctx, asks)


@contextmanager
def _progress_artifact() -> Iterator[None]:
    """Shows each dataset's progress in Prefect's UI, in steps of 5 %, beside whoever watches already."""
    created = create_progress_artifact(0.0, key="backfill-progress", description="Queries answered")
    artifact = cast(UUID, created)
    with observed_by(_in_steps(artifact, current_observer())):
        yield


def _in_steps(artifact: UUID, watcher: Observer) -> Observer:
    shown: dict[str, float] = {}

    def show(what: str, done: int, total: int) -> None:
        watcher(what, done, total)
        pct = 100.0 * done / max(total, 1)
        if what != "build" and (pct >= shown.get(what, 0.0) + _STEP_PCT or done == total):
            shown[what] = pct
            update_progress_artifact(artifact, pct, description=f"{what}: {done} of {total}")

    return show
