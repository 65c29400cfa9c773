"""`lakehouse plan`: what a run would fetch, what it would cost, and who would have to wait."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from flows.cli.calls_left import calls_left, span
from flows.cli.context import CliContext

if TYPE_CHECKING:
    from flows.ingestion.quota_plan import ProviderPlan
    from flows.ingestion.source import Ask

_DAY = ["%Y-%m-%d"]
_FEW = 10


def register(app: typer.Typer, context: Callable[[], CliContext]) -> None:
    """Adds the command to the app."""

    @app.command()
    def plan(
        start: Annotated[datetime | None, typer.Option("--from", formats=_DAY, help="first session")] = None,
        end: Annotated[datetime | None, typer.Option("--to", formats=_DAY, help="last session")] = None,
        dataset: Annotated[list[str] | None, typer.Option(help="else those of a run; repeat")] = None,
        provider: Annotated[str | None, typer.Option(help="else all that are used")] = None,
        symbol: Annotated[list[str] | None, typer.Option(help="else the watch list; repeat")] = None,
    ) -> None:
        """Show what a run (or, with --from and --to, a backfill) would fetch and cost. Nothing is asked."""
        from flows.ingestion.quota_plan import latest_asks_of  # noqa: PLC0415 - imports delta-rs
        from flows.ingestion.quota_plan import plan as plan_of  # noqa: PLC0415 - imports delta-rs
        from flows.ingestion.request_selection import range_asks  # noqa: PLC0415 - imports every handler
        from jobs.runs.run_context import RunContext  # noqa: PLC0415 - imports delta-rs

        if (start is None) != (end is None):
            raise typer.BadParameter("a range has two ends: give both --from and --to, or neither")
        here = context()
        if start and end:
            asks = range_asks(
                here.settings, start.date(), end.date(), dataset, symbol, provider, here.now().date()
            )
        else:
            asks = latest_asks_of(here.settings, dataset or (), symbol or (), provider)
            if not (dataset or symbol):
                asks += tuple(each for each in again(here) if provider in {None, each.provider})
        ctx = RunContext(here.settings, here.secrets, here.lake, here.now, "plan")
        show_plans(here, plan_of(ctx, asks))


def again(here: CliContext) -> "tuple[Ask, ...]":
    """What a run would ask for again, because it is late or missing."""
    from flows.completeness.gap_requests import reasks  # noqa: PLC0415 - imports every handler

    return reasks(here.lake, here.settings, here.now())


def show_plans(here: CliContext, plans: "Sequence[ProviderPlan]") -> None:
    """Prints the plans: a table, what is left of each limit, and the first that wait; or all as JSON."""
    if here.is_json:
        typer.echo(json.dumps([asdict(each) for each in plans], default=_instant))
        return
    if not plans:
        here.console.print("nothing to ask: all of it has landed, or the watch list is empty")
    for each in plans:
        _print_plan(here, each)


def _instant(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _print_plan(here: CliContext, plan: "ProviderPlan") -> None:
    table = Table(title=plan.provider, title_justify="left")
    table.add_column("dataset")
    for name in ("queries", "calls now", "waiting"):
        table.add_column(name, justify="right")
    for share in plan.datasets:
        waiting = sum(each.dataset == share.dataset for each in plan.waiting)
        table.add_row(share.dataset, f"{share.queries:,}", f"{share.calls:,}", f"{waiting:,}")
    here.console.print(table)
    for line in _remarks(plan):
        here.console.print(f"  {line}", markup=False, soft_wrap=True)


def _remarks(plan: "ProviderPlan") -> list[str]:
    if plan.problem:
        return [f"cannot be asked: {plan.problem}"]
    lines = [calls_left(left) for left in plan.left] or ["no limits"]
    lines.append(f"the limits would keep this run for {span(plan.seconds)}")
    lines += [
        f"{' '.join(filter(None, (each.dataset, each.symbol, each.interval)))} waits until "
        f"{each.until:%Y-%m-%d %H:%M:%S} UTC"
        for each in plan.waiting[:_FEW]
    ]
    if len(plan.waiting) > _FEW:
        last_at = plan.waiting[-1].until
        lines.append(f"and {len(plan.waiting) - _FEW:,} more, the last until {last_at:%Y-%m-%d %H:%M:%S} UTC")
    return lines
