"""Commands that change the lake: run, backfill, build, rebuild-gold."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.context import CliContext

if TYPE_CHECKING:
    from flows.operations.run_summary import RunSummary

EXIT_FAILURES = 1


def register(app: typer.Typer, context: Callable[[], CliContext]) -> None:
    """Adds the commands to the app."""

    @app.command()
    def run() -> None:
        """Fetch the watch list's latest data, build Silver and Gold, write the report.

        Exit code 0: all came; 1: done, but some queries failed or a provider has no key; 2: an error.
        """
        here = context()
        with _progress(here):
            from flows.ingestion.request_selection import require_anybody  # noqa: PLC0415 - imports every handler
            from flows.market_data import market_data  # noqa: PLC0415 - imports Prefect

            require_anybody(here.settings, here.secrets)
            finish(here, lambda: market_data(here.config_text))

    @app.command()
    def backfill(
        start: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="first session")],
        end: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="last session")],
        dataset: Annotated[list[str] | None, typer.Option(help="such as daily; repeat")] = None,
        provider: Annotated[
            str | None, typer.Option(help="else all that have the dataset; flat files: massive")
        ] = None,
        symbol: Annotated[list[str] | None, typer.Option(help="else the watch list; repeat")] = None,
    ) -> None:
        """Fetch and build a range of history; a stopped backfill goes on where it was."""
        here = context()
        with _progress(here):
            from flows.backfill import backfill as flow  # noqa: PLC0415 - imports Prefect

            finish(here, lambda: flow(start.date(), end.date(), dataset, symbol, here.config_text, provider))

    @app.command()
    def build() -> None:
        """Build Silver and Gold from what has landed and is pending."""
        here = context()
        with _progress(here):
            from flows.build import build as flow  # noqa: PLC0415 - imports Prefect

            finish(here, lambda: flow(here.config_text))

    @app.command()
    def replay(
        provider: Annotated[list[str] | None, typer.Option(help="else all; repeat")] = None,
        symbol: Annotated[list[str] | None, typer.Option(help="else all; repeat")] = None,
        start: Annotated[
            datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="received on or after, UTC")
        ] = None,
        end: Annotated[
            datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="received on or before, UTC")
        ] = None,
        table: Annotated[
            list[str] | None, typer.Option(help="such as silver.trades; else all; repeat")
        ] = None,
    ) -> None:
        """Judge what lies in Bronze anew, after a parser or a rule was mended.

        Fetches nothing but flat files that have left the landing area, and those only as they were.
        """
        here = context()
        first, last = (moment.date() if moment else None for moment in (start, end))
        with _progress(here):
            from flows.replay import replay as flow  # noqa: PLC0415 - imports Prefect

            finish(here, lambda: flow(provider, symbol, first, last, here.config_text, table))

    @app.command("rebuild-gold")
    def rebuild_gold() -> None:
        """Compute all of Gold again, after a threshold or a formula has changed."""
        here = context()
        with _progress(here):
            from flows.build import rebuild as flow  # noqa: PLC0415 - imports Prefect

            finish(here, lambda: flow(here.config_text))


def finish(here: CliContext, run: "Callable[[], RunSummary]") -> None:
    """Runs, prints the summary, writes the report; leaves with 1 where something asked for is missing.

    Raises:
        BuildBlocked: a gate refused a batch; the summary and the report, which show why, come first.
    """
    from flows.operations.run_summary import BuildBlocked  # noqa: PLC0415 - imports Prefect

    try:
        summary = run()
    except BuildBlocked as blocked:
        _show(here, blocked.summary)
        raise
    _show(here, summary)
    if summary.has_failures:
        raise typer.Exit(EXIT_FAILURES)


def _show(here: CliContext, summary: "RunSummary") -> None:
    from flows.cli.summary import print_summary  # noqa: PLC0415 - imports rich
    from serving.report.render import write_report  # noqa: PLC0415 - imports jinja2

    write_report(here.lake, here.settings.report, here.now())
    if here.is_json:
        typer.echo(json.dumps({"run_id": summary.run_id, **_plain(summary)}, default=str))
    else:
        print_summary(here.console, summary)
        here.console.print(f"report: {here.settings.report.resolve()}")


def _plain(summary: "RunSummary") -> dict[str, object]:
    return {
        "stages": [vars(stage) for stage in summary.stages],
        "failures": [vars(failure) for failure in summary.failures],
        "not_asked": summary.not_asked,
        "left_out": [vars(each) for each in summary.left_out],
        "seconds": round(summary.seconds, 3),
    }


def _progress(here: CliContext) -> AbstractContextManager[None]:
    """A progress bar on a terminal."""
    from flows.cli.progress_bar import progress_bar  # noqa: PLC0415 - imports rich

    return progress_bar(here.console)
