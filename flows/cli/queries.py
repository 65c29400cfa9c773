"""Commands that only read: sql, bars, explain, status, report."""

import json
import webbrowser
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.context import CliContext

if TYPE_CHECKING:
    import pyarrow as pa

_DAY = ["%Y-%m-%d"]
_INSTANT = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", *_DAY]


def register(app: typer.Typer, context: Callable[[], CliContext]) -> None:
    """Adds the commands to the app."""
    _register_queries(app, context)
    _register_explanations(app, context)


def _register_queries(app: typer.Typer, context: Callable[[], CliContext]) -> None:
    @app.command()
    def sql(
        query: Annotated[str, typer.Argument(help="one SELECT, WITH, SHOW, DESCRIBE or EXPLAIN")],
    ) -> None:
        """Ask the lake a question in SQL: bronze.*, silver.*, gold.*, ops.*, and the views over them."""
        from jobs.engine.session import engine_session  # noqa: PLC0415 - imports pyspark
        from serving.sql.run import run_query  # noqa: PLC0415 - imports pyspark

        here = context()
        with engine_session(here.settings, here.lake) as spark:
            answer = run_query(spark, here.lake, query)
        _show_table(here, answer)

    @app.command()
    def bars(
        symbol: str,
        interval: Annotated[str | None, typer.Option(help="such as 1day or 5min")] = None,
        as_of: Annotated[
            datetime | None, typer.Option(formats=_INSTANT, help="as known then; UTC where no zone is named")
        ] = None,
        start: Annotated[datetime | None, typer.Option("--from", formats=_DAY, help="first session")] = None,
        end: Annotated[datetime | None, typer.Option("--to", formats=_DAY, help="last session")] = None,
        limit: Annotated[int, typer.Option(min=1, help="the last bars of those found")] = 100,
        adjusted: Annotated[
            str | None, typer.Option(help="for splits: split; for dividends too: total")
        ] = None,
    ) -> None:
        """Show a symbol's bars, as they are known now or as they were known at an instant."""
        from serving.bars import as_of as reader  # noqa: PLC0415 - imports delta-rs

        here = context()
        instant = as_of.replace(tzinfo=UTC) if as_of and as_of.tzinfo is None else as_of
        first, last = start.date() if start else None, end.date() if end else None
        if adjusted:
            found = reader.adjusted_bars(here.lake, symbol, adjusted, interval, instant, first, last)
            if not reader.has_actions(here.lake, symbol):
                typer.echo(
                    f"No split or dividend of {symbol} is known: these are the prices as stored.", err=True
                )
        else:
            found = reader.bars(here.lake, symbol, interval, instant, first, last)
        if not found.num_rows:
            typer.echo(f"{symbol} has bars, but none of that interval, range or knowledge.", err=True)
        _show_table(here, found.slice(max(0, found.num_rows - limit)))


def _register_explanations(app: typer.Typer, context: Callable[[], CliContext]) -> None:
    @app.command()
    def explain(
        table: Annotated[str, typer.Argument(help="such as gold.daily_kpis")],
        key: Annotated[list[str], typer.Argument(help="symbol=AAPL ..., or values in key order")],
    ) -> None:
        """Explain a row: the rows it was computed from, down to the bytes that a provider sent."""
        from serving.explain.explain import explain as explained  # noqa: PLC0415 - imports delta-rs
        from serving.output import terminal as show  # noqa: PLC0415 - imports rich and delta-rs
        from serving.output.json_text import json_text  # noqa: PLC0415 - imports pyarrow

        here = context()
        found = explained(here.lake, table, key, here.settings.signals)
        if here.is_json:
            typer.echo(json_text(found))
        else:
            show.print_explanation(here.console, found)

    @app.command()
    def status() -> None:
        """Show sizes, how fresh the bars are, what is late or missing, last runs, and what was set aside."""
        from serving.monitor.status import status as state_of  # noqa: PLC0415 - imports delta-rs
        from serving.output import terminal as show  # noqa: PLC0415 - imports rich and delta-rs
        from serving.output.json_text import json_text  # noqa: PLC0415 - imports pyarrow

        here = context()
        state = state_of(here.lake)
        if here.is_json:
            typer.echo(json_text(state))
        else:
            show.print_status(here.console, state)

    @app.command()
    def report(
        path: Annotated[Path | None, typer.Option(help="where to write; else the setting `report`")] = None,
        open_path: Annotated[bool, typer.Option("--open-path", help="open it in the browser")] = False,
    ) -> None:
        """Write the HTML report."""
        from serving.report.render import write_report  # noqa: PLC0415 - imports jinja2

        here = context()
        written = write_report(here.lake, path or here.settings.report, here.now()).resolve()
        typer.echo(json.dumps({"report": str(written)}) if here.is_json else str(written))
        if open_path:
            webbrowser.open(written.as_uri())


def _show_table(here: CliContext, table: "pa.Table") -> None:
    from serving.output import terminal as show  # noqa: PLC0415 - imports rich and delta-rs
    from serving.output.json_text import json_text  # noqa: PLC0415 - imports pyarrow

    if here.is_json:
        typer.echo(json_text(table))
    else:
        show.print_table(here.console, table)
