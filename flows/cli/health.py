"""`lakehouse health`: what looks wrong in a table although no single row breaks a rule."""

from datetime import date, datetime
from typing import Annotated

import typer

from flows.cli.context import CliContext, cli_context
from serving.health.findings import HealthReport, HealthRequest, Thresholds

EXIT_FINDINGS = 1
_DAY = ["%Y-%m-%d"]
_TITLES = {
    "gap": "gaps inside sessions",
    "outlier": "outliers",
    "split_sized_jump": "split-sized jumps without an action",
    "stale": "symbols without a new session",
    "constant_close": "closes that never change",
    "few_trades": "sessions with too few trades",
}


def health(
    ctx: typer.Context,
    table: Annotated[
        str, typer.Argument(help="Table: silver.bars, silver.trades, silver.quotes or gold.daily_kpis.")
    ],
    symbol: Annotated[
        list[str] | None, typer.Option(help="Report only these symbols. Default: all. Repeatable.")
    ] = None,
    start: Annotated[datetime | None, typer.Option("--from", formats=_DAY, help="First session.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", formats=_DAY, help="Last session.")] = None,
    gap_minutes: Annotated[
        float,
        typer.Option(
            min=0.001,
            help="A longer time between consecutive rows of a session is a gap (for bars, at least their "
            "interval).",
        ),
    ] = Thresholds.gap_minutes,
    sigmas: Annotated[
        float,
        typer.Option(
            min=0.001,
            help="A log return (bars) or log price (ticks) more than this many standard deviations from its "
            "baseline is an outlier.",
        ),
    ] = Thresholds.sigmas,
    window: Annotated[
        int,
        typer.Option(
            min=4, help="Values in that baseline: the returns before (bars), or the prices around (ticks)."
        ),
    ] = Thresholds.window,
    split_tolerance_pct: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=10.0,
            help="A price jump within this % of a split's ratio, on a day without a known split, is "
            "split-sized.",
        ),
    ] = Thresholds.split_tolerance_pct,
    stale_sessions: Annotated[
        int,
        typer.Option(min=1, help="A symbol that ends this many sessions before the latest session is stale."),
    ] = Thresholds.stale_sessions,
    constant_sessions: Annotated[
        int,
        typer.Option(min=2, help="A close that is the same in this many consecutive sessions is reported."),
    ] = Thresholds.constant_sessions,
    min_trades: Annotated[
        int, typer.Option(min=0, help="silver.trades: a session with fewer trades is reported.")
    ] = Thresholds.min_trades,
    min_volume: Annotated[
        float, typer.Option(min=0.0, help="Bars: a session with less volume is reported.")
    ] = Thresholds.min_volume,
    min_bars_pct: Annotated[
        float,
        typer.Option(
            min=0.0, max=100.0, help="Bars: a session with less than this % of its expected bars is reported."
        ),
    ] = Thresholds.min_bars_pct,
    max_findings: Annotated[
        int, typer.Option(min=1, help="Show at most this many findings per kind, the worst first.")
    ] = Thresholds.max_findings,
    most: Annotated[int | None, typer.Option("--most", min=1, hidden=True)] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON, as --json before the command does.")
    ] = False,
) -> None:
    """Report what looks wrong: gaps, outliers, split-sized jumps, stale symbols, sessions with few trades.

    A split-sized jump is a price change by the ratio of a split, such as 2:1, that no known split explains.

    Exit code 0: healthy; 1: something was found; 2: wrong usage, or no rows to examine.
    """
    from serving.health.run import health as report_of  # noqa: PLC0415 - imports delta-rs

    cli = cli_context(ctx)
    cli.require_lake()
    limits = Thresholds(
        gap_minutes=gap_minutes,
        sigmas=sigmas,
        window=window,
        split_tolerance_pct=split_tolerance_pct,
        stale_sessions=stale_sessions,
        constant_sessions=constant_sessions,
        min_trades=min_trades,
        min_volume=min_volume,
        min_bars_pct=min_bars_pct,
        max_findings=most or max_findings,
    )
    asked = HealthRequest(tuple(symbol or ()), _day(start), _day(end))
    report = report_of(cli.lake, table, asked, limits)
    _show(cli, report, is_json=json or cli.is_json)
    raise typer.Exit(0 if report.is_healthy else EXIT_FINDINGS)


def _day(at: datetime | None) -> date | None:
    return at.date() if at else None


def _show(cli: CliContext, report: HealthReport, *, is_json: bool) -> None:
    from serving.output.json_text import json_text  # noqa: PLC0415 - imports pyarrow

    if is_json:
        typer.echo(json_text(report))
        return
    symbols = "1 symbol" if report.symbols == 1 else f"{report.symbols:,} symbols"
    _say(cli, f"{report.table}: {report.rows:,} rows of {symbols}, {report.first} to {report.last}")
    for kind, count in report.counts.items():
        shown = sum(finding.kind == kind for finding in report.findings)
        only = f", the worst {shown} shown" if shown < count else ""
        _say(cli, f"  {_TITLES[kind]}: {count or 'none'}{only}")
    if report.findings:
        _print_findings(cli, report)


def _print_findings(cli: CliContext, report: HealthReport) -> None:
    from serving.output.json_text import cell_text  # noqa: PLC0415 - imports pyarrow
    from serving.output.terminal import print_records  # noqa: PLC0415 - imports rich and delta-rs

    rows = [
        {
            **{name: getattr(finding, name) for name in ("kind", "symbol", "interval", "provider")},
            "from": cell_text(finding.started_at),
            "to": cell_text(finding.ended_at),
            "measured": finding.measured,
            "threshold": finding.threshold,
            "message": finding.message,
        }
        for finding in report.findings
    ]
    print_records(cli.console, rows)


def _say(cli: CliContext, line: str) -> None:
    cli.console.print(line, markup=False, soft_wrap=True)
