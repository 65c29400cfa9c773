"""Commands that only read: sql, bars, explain, status, report."""

import json
import webbrowser
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.context import CliContext, cli_context
from flows.cli.own_folders import report_path

if TYPE_CHECKING:
    import pyarrow as pa

_DAY = ["%Y-%m-%d"]
_INSTANT = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", *_DAY]


def sql(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="One SELECT, WITH, SHOW, DESCRIBE or EXPLAIN statement.")],
    timeout: Annotated[
        float, typer.Option(min=1, help="Stop a query that takes more than this many seconds.")
    ] = 300,
) -> None:
    """Run one read-only SQL statement on bronze.*, silver.*, gold.*, ops.* and the views over them.

    It reads the lake's tables and views only, no other files.
    """
    from jobs.engine.session import engine_session  # noqa: PLC0415 - imports pyspark
    from serving.sql.run import run_query  # noqa: PLC0415 - imports pyspark

    cli = cli_context(ctx)
    cli.require_lake()
    with engine_session(cli.settings, cli.lake) as spark:
        answer = run_query(spark, cli.lake, query, timeout)
    _show_table(cli, answer)


def bars(
    ctx: typer.Context,
    symbol: Annotated[str, typer.Argument(help="Show the bars of this symbol, such as AAPL.")],
    interval: Annotated[
        str | None, typer.Option(help="Only bars of this interval, such as 1day or 5min. Default: all.")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=_INSTANT, help="As known at this time; UTC if it has no time zone."),
    ] = None,
    start: Annotated[datetime | None, typer.Option("--from", formats=_DAY, help="First session.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", formats=_DAY, help="Last session.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many bars, the latest ones.")] = 100,
    adjusted: Annotated[
        str | None,
        typer.Option(
            help="Adjust prices for splits (split), or for splits and dividends (total). Default: unadjusted."
        ),
    ] = None,
) -> None:
    """Show a symbol's bars, as known now or at a given time."""
    from serving.bars import as_of as reader  # noqa: PLC0415 - imports delta-rs

    cli = cli_context(ctx)
    cli.require_lake()
    instant = as_of.replace(tzinfo=UTC) if as_of and as_of.tzinfo is None else as_of
    first, last = start.date() if start else None, end.date() if end else None
    if adjusted:
        found = reader.adjusted_bars(cli.lake, symbol, adjusted, interval, instant, first, last)
        if not reader.has_actions(cli.lake, symbol):
            typer.echo(f"No split or dividend of {symbol} is known: prices are shown as stored.", err=True)
    else:
        found = reader.bars(cli.lake, symbol, interval, instant, first, last)
    if not found.num_rows:
        typer.echo(
            f"{symbol} has no bars in that interval and range as known then; it has "
            f"{'; '.join(reader.series_of(cli.lake, symbol))}.",
            err=True,
        )
    _show_table(cli, found.slice(max(0, found.num_rows - limit)))


def explain(
    ctx: typer.Context,
    table: Annotated[str, typer.Argument(help="The row's table, such as gold.daily_kpis.")],
    key: Annotated[
        list[str] | None,
        typer.Argument(
            help="The row's key: symbol=AAPL ..., or the values alone in the order of the table's keys in "
            "docs/tables.md. Without one, an example is shown."
        ),
    ] = None,
) -> None:
    """Explain a row: the rows it was computed from, down to the bytes that the provider sent."""
    from serving.explain.explain import explain as explained  # noqa: PLC0415 - imports delta-rs
    from serving.output import terminal as show  # noqa: PLC0415 - imports rich and delta-rs
    from serving.output.json_text import json_text  # noqa: PLC0415 - imports pyarrow

    cli = cli_context(ctx)
    cli.require_lake()
    found = explained(cli.lake, table, key or (), cli.settings.signals)
    if cli.is_json:
        typer.echo(json_text(found))
    else:
        show.print_explanation(cli.console, found)


def status(ctx: typer.Context) -> None:
    """Show table sizes, freshness, late or missing sessions, the last runs, and quarantined rows."""
    from serving.monitor.status import status as state_of  # noqa: PLC0415 - imports delta-rs
    from serving.output import terminal as show  # noqa: PLC0415 - imports rich and delta-rs
    from serving.output.json_text import json_text  # noqa: PLC0415 - imports pyarrow

    cli = cli_context(ctx)
    state = state_of(cli.lake)
    if cli.is_json:
        typer.echo(json_text(state))
    else:
        show.print_status(cli.console, state)


def report(
    ctx: typer.Context,
    path: Annotated[
        Path | None, typer.Option(help="Where to write it. Default: the setting `report`.")
    ] = None,
    opens: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    opens_by_old_name: Annotated[bool, typer.Option("--open-path", hidden=True)] = False,
) -> None:
    """Write the HTML report."""
    from serving.report.render import write_report  # noqa: PLC0415 - imports jinja2

    cli = cli_context(ctx)
    place = report_path(cli, path)
    cli.require_lake()
    written = write_report(cli.lake, place, cli.now()).resolve()
    typer.echo(json.dumps({"report": str(written)}) if cli.is_json else str(written))
    if opens or opens_by_old_name:
        webbrowser.open(written.as_uri())


def _show_table(cli: CliContext, table: "pa.Table") -> None:
    from serving.output import terminal as show  # noqa: PLC0415 - imports rich and delta-rs
    from serving.output.json_text import json_text  # noqa: PLC0415 - imports pyarrow

    if cli.is_json:
        typer.echo(json_text(table))
    else:
        show.print_table(cli.console, table)
