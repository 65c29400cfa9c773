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
        str, typer.Argument(help="silver.bars, silver.trades, silver.quotes or gold.daily_kpis.")
    ],
    symbol: Annotated[list[str] | None, typer.Option(help="Default: all. Repeatable.")] = None,
    start: Annotated[datetime | None, typer.Option("--from", formats=_DAY, help="First session.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", formats=_DAY, help="Last session.")] = None,
    gap_minutes: Annotated[
        float, typer.Option(min=0.001, help="Longest time between neighbours within a session.")
    ] = Thresholds.gap_minutes,
    sigmas: Annotated[
        float, typer.Option(min=0.001, help="Largest deviation of a log return from its baseline.")
    ] = Thresholds.sigmas,
    window: Annotated[
        int, typer.Option(min=4, help="Number of neighbouring values in the baseline.")
    ] = Thresholds.window,
    split_tolerance_pct: Annotated[
        float, typer.Option(min=0.0, max=10.0, help="How close to a split's ratio, in %.")
    ] = Thresholds.split_tolerance_pct,
    stale_sessions: Annotated[
        int, typer.Option(min=1, help="A symbol this many sessions behind the others is stale.")
    ] = Thresholds.stale_sessions,
    constant_sessions: Annotated[
        int, typer.Option(min=2, help="A close unchanged for this many sessions is stale.")
    ] = Thresholds.constant_sessions,
    min_trades: Annotated[
        int, typer.Option(min=0, help="Fewest trades per session.")
    ] = Thresholds.min_trades,
    min_volume: Annotated[
        float, typer.Option(min=0.0, help="Smallest volume per session of bars.")
    ] = Thresholds.min_volume,
    min_bars_pct: Annotated[
        float, typer.Option(min=0.0, max=100.0, help="Fewest bars per session, in % of the expected number.")
    ] = Thresholds.min_bars_pct,
    most: Annotated[
        int, typer.Option(min=1, help="Findings shown per kind, the worst first.")
    ] = Thresholds.max_findings,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Report a table's health: gaps, outliers, jumps, stale symbols and thin sessions.

    Exit code 0: healthy; 1: something was found; 2: wrong usage, or no rows to examine.
    """
    from serving.health.run import health as report_of  # noqa: PLC0415 - imports delta-rs

    cli = cli_context(ctx)
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
        max_findings=most,
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
