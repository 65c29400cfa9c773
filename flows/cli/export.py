"""`lakehouse export`: rows as plain files in a folder or bucket, in the layouts that readers expect."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from flows.cli.context import CliContext, cli_context
from flows.cli.own_folders import own_folders

if TYPE_CHECKING:
    from serving.export.request import ExportRequest
    from serving.export.run import ExportSummary, OnWritten

EXIT_NOTHING = 1
_DAY = ["%Y-%m-%d"]
_INSTANT = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", *_DAY]


def export(
    ctx: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="TABLE_OR_LAYOUT", help="A layout (intraday or daily), or a table such as silver.trades."
        ),
    ],
    to: Annotated[str, typer.Option(help="Destination: a folder, or s3://bucket/prefix.")],
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help="File format: csv, json or parquet. Default: csv; for a table, parquet."
        ),
    ] = None,
    raw_text: Annotated[
        bool,
        typer.Option(
            "--raw-text",
            help="csv: write text as it is stored. Default: an apostrophe before what a spreadsheet would "
            "run as a formula.",
        ),
    ] = False,
    symbols: Annotated[
        list[str] | None,
        typer.Option(
            "--symbols", "--symbol", help="Only these symbols, such as AAPL,MSFT. Default: all. Repeatable."
        ),
    ] = None,
    start: Annotated[datetime | None, typer.Option(formats=_DAY, help="First session.")] = None,
    end: Annotated[datetime | None, typer.Option(formats=_DAY, help="Last session.")] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=_INSTANT, help="As known at this time; UTC if it has no time zone."),
    ] = None,
    interval: Annotated[str | None, typer.Option(help="Only bars of this interval, such as 5min.")] = None,
    provider: Annotated[
        str | None, typer.Option(help="Only rows of this provider, such as alphavantage.")
    ] = None,
    adjusted: Annotated[
        str | None,
        typer.Option(
            help="Adjust prices for splits (split), or for splits and dividends (total). Default: unadjusted."
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Delete files from earlier exports of this layout that are not part of this one.",
        ),
    ] = False,
    threads: Annotated[
        int, typer.Option(min=1, max=64, help="Number of files written at the same time.")
    ] = 8,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON, as --json before the command does.")
    ] = False,
) -> None:
    """Write rows as plain files that can be read without Delta.

    A layout is the arrangement of the files. intraday: intraday/{symbol}/{date}/data.csv. daily:
    daily_ohlcv/{date}/{symbol}/ohlcv.csv. A table: {layer}_{table}/year=YYYY/month=MM/day=DD/data.parquet.
    Times are UTC, ISO 8601. Each layout has a _manifest.json, written last. Exit code 0: written; 1: no row
    matches; 2: an error.
    """
    from serving.export.request import ExportRequest  # noqa: PLC0415 - imports delta-rs

    cli = cli_context(ctx)
    names = tuple(name.strip() for text in symbols or () for name in text.split(",") if name.strip())
    request = ExportRequest(names, _day(start), _day(end), _instant(as_of), interval, provider, adjusted)
    summary = _run(cli, what, to, form, request, threads, replaces=replace, is_raw=raw_text)
    _show(cli, summary, is_json=json or cli.is_json)


def _run(
    cli: CliContext,
    what: str,
    to: str,
    form: str | None,
    request: "ExportRequest",
    threads: int,
    *,
    replaces: bool,
    is_raw: bool,
) -> "ExportSummary":
    from serving.export.destination import require_outside, target_for  # noqa: PLC0415 - imports delta-rs
    from serving.export.formats import format_named, raw_text_format  # noqa: PLC0415 - imports pyarrow
    from serving.export.layouts import layout_named  # noqa: PLC0415 - imports pyspark's types
    from serving.export.plan import NothingToExportError, plan_export  # noqa: PLC0415 - imports delta-rs
    from serving.export.run import export, export_replacing  # noqa: PLC0415 - imports delta-rs

    layout = layout_named(what)
    chosen = (raw_text_format if is_raw else format_named)(form or layout.format_name)
    require_outside(to, layout, cli.lake, own_folders(cli))
    cli.require_lake()
    target = target_for(to, layout, cli.settings.s3, cli.secrets)
    try:
        plan = plan_export(cli.lake, layout, request)
    except NothingToExportError as nothing:
        typer.echo(f"lakehouse: {nothing}", err=True)
        raise typer.Exit(EXIT_NOTHING) from None
    with _progress(cli.console, f"export to {target.destination}", plan.total_rows) as observe:
        return (export_replacing if replaces else export)(plan, target, chosen, threads, observe)


@contextmanager
def _progress(console: Console, what: str, total_rows: int) -> "Iterator[OnWritten]":
    """Shows the rows written so far; on a pipe nothing is drawn."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total_rows)
        yield lambda written: progress.advance(task, written.row_count)


def _show(cli: CliContext, summary: "ExportSummary", *, is_json: bool) -> None:
    from serving.output.json_text import json_text  # noqa: PLC0415 - imports pyarrow

    if is_json:
        typer.echo(json_text(summary))
        return
    from rich.table import Table  # noqa: PLC0415 - for a person only

    table = Table(show_header=False)
    for name, value in vars(summary).items():
        table.add_row(name, _cell(value))
    cli.console.print(table)


def _cell(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _day(instant: datetime | None) -> date | None:
    return instant.date() if instant else None


def _instant(instant: datetime | None) -> datetime | None:
    return instant.replace(tzinfo=UTC) if instant and instant.tzinfo is None else instant
