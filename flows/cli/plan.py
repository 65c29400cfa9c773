"""`lakehouse plan`: what a run would fetch, what it would cost, and who would have to wait."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from flows.cli.calls_left import calls_left, span
from flows.cli.context import CliContext, cli_context

if TYPE_CHECKING:
    from flows.ingestion.quota_plan import ProviderPlan
    from flows.ingestion.source import FetchRequest

_DAY = ["%Y-%m-%d"]
_FEW = 10


def plan(
    ctx: typer.Context,
    start: Annotated[datetime | None, typer.Option("--from", formats=_DAY, help="First session.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", formats=_DAY, help="Last session.")] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            help="Datasets to plan for, such as daily. Default: those of an ordinary run. Repeatable."
        ),
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="Provider to plan for. Default: all that the settings use.")
    ] = None,
    symbol: Annotated[
        list[str] | None, typer.Option(help="Symbols to plan for. Default: the watch list. Repeatable.")
    ] = None,
) -> None:
    """Show which queries a run would send and what they cost; with --from and --to, those of a backfill.

    Sends no query. A query is one API call, or the calls of one paged response.
    """
    from flows.ingestion.quota_plan import plan as plan_of  # noqa: PLC0415 - imports delta-rs
    from jobs.runs.run_context import RunContext  # noqa: PLC0415 - imports delta-rs

    if (start is None) != (end is None):
        raise typer.BadParameter("a range has two ends: give both --from and --to, or neither")
    cli = cli_context(ctx)
    requests = _requests(cli, start, end, dataset or (), provider, symbol or ())
    planned = RunContext(cli.settings, cli.secrets, cli.lake, cli.now, "plan")
    show_plans(cli, plan_of(planned, requests))


def _requests(
    cli: CliContext,
    start: datetime | None,
    end: datetime | None,
    datasets: Sequence[str],
    provider: str | None,
    symbols: Sequence[str],
) -> "tuple[FetchRequest, ...]":
    from flows.completeness.gap_requests import gap_requests  # noqa: PLC0415 - imports every handler
    from flows.ingestion import request_selection  # noqa: PLC0415 - imports every handler

    if start and end:
        days = (start.date(), end.date())
        return request_selection.range_requests(
            cli.settings, *days, list(datasets), list(symbols), provider, cli.now().date()
        )
    requests = request_selection.latest_requests(cli.settings, datasets, symbols, provider)
    if datasets or symbols:
        return requests
    gaps = gap_requests(cli.lake, cli.settings, cli.now())
    return requests + tuple(request for request in gaps if provider in {None, request.provider})


def show_plans(cli: CliContext, plans: "Sequence[ProviderPlan]") -> None:
    """Prints the plans: a table, what is left of each limit, and the first that wait; or all as JSON."""
    if cli.is_json:
        typer.echo(json.dumps([asdict(each) for each in plans], default=_instant))
        return
    if not plans:
        cli.console.print("nothing to fetch: everything is already in Bronze, or the watch list is empty")
    for each in plans:
        _print_plan(cli, each)


def _instant(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _print_plan(cli: CliContext, plan: "ProviderPlan") -> None:
    table = Table(title=plan.provider, title_justify="left")
    table.add_column("dataset")
    for name in ("queries", "calls now", "waiting"):
        table.add_column(name, justify="right")
    for share in plan.datasets:
        waiting = sum(each.dataset == share.dataset for each in plan.waiting)
        table.add_row(share.dataset, f"{share.queries:,}", f"{share.calls:,}", f"{waiting:,}")
    cli.console.print(table)
    for line in _remarks(plan):
        cli.console.print(f"  {line}", markup=False, soft_wrap=True)


def _remarks(plan: "ProviderPlan") -> list[str]:
    if plan.problem:
        return [f"cannot be fetched from: {plan.problem}"]
    lines = [calls_left(left) for left in plan.left] or ["no limits"]
    lines.append(f"the rate limits would make this run last {span(plan.seconds)}")
    lines += [
        f"{' '.join(filter(None, (each.dataset, each.symbol, each.interval)))} waits until "
        f"{each.until:%Y-%m-%d %H:%M:%S} UTC"
        for each in plan.waiting[:_FEW]
    ]
    if len(plan.waiting) > _FEW:
        last_at = plan.waiting[-1].until
        lines.append(f"and {len(plan.waiting) - _FEW:,} more, the last until {last_at:%Y-%m-%d %H:%M:%S} UTC")
    return lines
