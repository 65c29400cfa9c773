"""Fetches and builds a range of history; a stopped backfill continues where it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from flows.ingestion.request_selection import range_requests
from flows.operations.market_data import fetch_and_build
from flows.operations.run_summary import RunSummary
from flows.operations.steps import StepRunner, run_directly
from jobs.runs.run_context import RunContext


@dataclass(frozen=True)
class BackfillRange:
    """What to backfill: the sessions from `start` to `end`, both included.

    Attributes:
        datasets: Such as daily or intraday. Empty: those of an ordinary run that have a history.
        symbols: Each is requested only from datasets of its asset type. Empty: the watch list.
        provider: Empty: every provider in use that has the dataset.
    """

    start: date
    end: date
    datasets: Sequence[str] = ()
    symbols: Sequence[str] = ()
    provider: str | None = None


def backfill(ctx: RunContext, wanted: BackfillRange, run_step: StepRunner = run_directly) -> RunSummary:
    """Lands and builds the range. Daily series come whole (one call per symbol), intraday bars by month.

    Raises:
        BuildBlocked: a gate refused a batch; everything else was done.
        PlanError: there is no such history, the plan does not include it, or no dataset has a symbol's type.
    """
    requests = range_requests(
        ctx.settings,
        wanted.start,
        wanted.end,
        list(wanted.datasets) or None,
        list(wanted.symbols) or None,
        wanted.provider,
        ctx.clock().date(),
    )
    return fetch_and_build(ctx, requests, run_step=run_step)
