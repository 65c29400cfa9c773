"""Commands that change the lake: run, backfill, build, replay, rebuild-gold.

They call flows.operations directly. With PREFECT_API_URL set, or with --prefect, they run as flows on that
Prefect server; see flows.cli.orchestration.
"""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.context import CliContext, cli_context
from flows.cli.orchestration import PrefectOption, uses_prefect
from flows.cli.own_folders import report_path

if TYPE_CHECKING:
    from flows.operations.run_summary import RunSummary

EXIT_FAILURES = 1
_DAY = ["%Y-%m-%d"]


def run(ctx: typer.Context, prefect: PrefectOption = False) -> None:
    """Fetch the watch list's latest data, build Silver and Gold, write the report.

    Exit code 0: all data was fetched; 1: the command finished, but some data is missing (a request failed, or
    a provider has no key); 2: an error, or a quality gate refused a batch.
    """
    cli = cli_context(ctx)

    def directly() -> "RunSummary":
        from flows.operations.market_data import run_watch_list  # noqa: PLC0415 - imports every handler

        return run_watch_list(cli.settings, cli.secrets)

    def as_flow() -> "RunSummary":
        from flows.cli.orchestration import summary_of  # noqa: PLC0415 - imports Prefect
        from flows.ingestion.request_selection import require_credentials  # noqa: PLC0415
        from flows.market_data import market_data  # noqa: PLC0415 - imports Prefect

        require_credentials(cli.settings, cli.secrets)
        return summary_of(market_data, cli.config_text)

    finish(cli, as_flow if uses_prefect(prefect) else directly)


def backfill(
    ctx: typer.Context,
    start: Annotated[datetime, typer.Option("--from", formats=_DAY, help="First session.")],
    end: Annotated[datetime, typer.Option("--to", formats=_DAY, help="Last session.")],
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="Datasets to fetch, such as daily. Default: all with a history. Repeatable."),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(
            help="Provider to fetch from. Default: all that have the dataset, except massive's flat files."
        ),
    ] = None,
    symbol: Annotated[
        list[str] | None, typer.Option(help="Symbols to fetch. Default: the watch list. Repeatable.")
    ] = None,
    prefect: PrefectOption = False,
) -> None:
    """Fetch and build a range of past sessions; run it again to continue one that was stopped."""
    cli = cli_context(ctx)

    def directly() -> "RunSummary":
        from flows.operations.backfill import BackfillRange  # noqa: PLC0415 - imports every handler
        from flows.operations.backfill import backfill as run_backfill  # noqa: PLC0415

        wanted = BackfillRange(start.date(), end.date(), dataset or (), symbol or (), provider)
        return run_backfill(cli.new_run(), wanted)

    def as_flow() -> "RunSummary":
        from flows.backfill import backfill as flow  # noqa: PLC0415 - imports Prefect
        from flows.cli.orchestration import summary_of  # noqa: PLC0415 - imports Prefect

        return summary_of(flow, start.date(), end.date(), dataset, symbol, cli.config_text, provider)

    finish(cli, as_flow if uses_prefect(prefect) else directly)


def build(ctx: typer.Context, prefect: PrefectOption = False) -> None:
    """Build Silver and Gold from what was fetched and not built yet; fetch nothing."""
    cli = cli_context(ctx)

    def directly() -> "RunSummary":
        from flows.operations.build import build as run_build  # noqa: PLC0415 - imports pyspark

        return run_build(cli.new_run())

    def as_flow() -> "RunSummary":
        from flows.build import build as flow  # noqa: PLC0415 - imports Prefect
        from flows.cli.orchestration import summary_of  # noqa: PLC0415 - imports Prefect

        return summary_of(flow, cli.config_text)

    finish(cli, as_flow if uses_prefect(prefect) else directly)


def replay(
    ctx: typer.Context,
    provider: Annotated[
        list[str] | None, typer.Option(help="Only payloads of these providers. Default: all. Repeatable.")
    ] = None,
    symbol: Annotated[
        list[str] | None, typer.Option(help="Only payloads of these symbols. Default: all. Repeatable.")
    ] = None,
    start: Annotated[
        datetime | None,
        typer.Option(
            "--from", formats=_DAY, help="Only series with a payload received on or after this date, UTC."
        ),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option(
            "--to", formats=_DAY, help="Only series with a payload received on or before this date, UTC."
        ),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(
            help="Rebuild these tables, such as silver.trades, and others of the same payloads. "
            "Default: all. Repeatable."
        ),
    ] = None,
    prefect: PrefectOption = False,
) -> None:
    """Rebuild Silver and Gold from Bronze after a fix of a parser or a validation rule.

    Fetches nothing again, except flat files whose retention has expired; these are verified by SHA-256. A
    series is all payloads of one provider, dataset, symbol and interval; it is rebuilt as a whole.
    """
    cli = cli_context(ctx)
    first, last = (moment.date() if moment else None for moment in (start, end))

    def directly() -> "RunSummary":
        from flows.operations.replay import replay as run_replay  # noqa: PLC0415 - imports pyspark
        from jobs.pipelines.replay.scope import ReplayScope  # noqa: PLC0415 - imports pyspark

        scope = ReplayScope(tuple(provider or ()), tuple(symbol or ()), first, last, tuple(table or ()))
        return run_replay(cli.new_run(), scope)

    def as_flow() -> "RunSummary":
        from flows.cli.orchestration import summary_of  # noqa: PLC0415 - imports Prefect
        from flows.replay import replay as flow  # noqa: PLC0415 - imports Prefect

        return summary_of(flow, provider, symbol, first, last, cli.config_text, table)

    finish(cli, as_flow if uses_prefect(prefect) else directly)


def rebuild_gold(ctx: typer.Context, prefect: PrefectOption = False) -> None:
    """Recompute all of Gold, after a threshold or a formula has changed."""
    cli = cli_context(ctx)

    def directly() -> "RunSummary":
        from flows.operations.build import rebuild_all_gold  # noqa: PLC0415 - imports pyspark

        return rebuild_all_gold(cli.new_run())

    def as_flow() -> "RunSummary":
        from flows.build import rebuild as flow  # noqa: PLC0415 - imports Prefect
        from flows.cli.orchestration import summary_of  # noqa: PLC0415 - imports Prefect

        return summary_of(flow, cli.config_text)

    finish(cli, as_flow if uses_prefect(prefect) else directly)


def finish(cli: CliContext, run_command: "Callable[[], RunSummary]") -> None:
    """Runs with a progress bar, prints the summary, writes the report; exits with 1 if anything is missing.

    Raises:
        ServingError: the setting `report` names a place where none may be written; nothing was run.
        BuildBlocked: a gate refused a batch; the summary and the report, which show why, come first.
    """
    from flows.operations.run_summary import BuildBlocked  # noqa: PLC0415 - imports every handler

    report_path(cli)
    try:
        with _progress(cli):
            summary = run_command()
    except BuildBlocked as blocked:
        _show(cli, blocked.summary)
        raise
    _show(cli, summary)
    if summary.has_failures:
        raise typer.Exit(EXIT_FAILURES)


def _show(cli: CliContext, summary: "RunSummary") -> None:
    from flows.cli.summary import print_summary  # noqa: PLC0415 - imports rich
    from serving.report.render import write_report  # noqa: PLC0415 - imports jinja2

    write_report(cli.lake, cli.settings.report, cli.now())
    if cli.is_json:
        typer.echo(json.dumps({"run_id": summary.run_id, **_plain(summary)}, default=str))
    else:
        print_summary(cli.console, summary)
        cli.console.print(f"report: {cli.settings.report.resolve()}")


def _plain(summary: "RunSummary") -> dict[str, object]:
    return {
        "stages": [stage.columns for stage in summary.stages],
        "failures": [vars(failure) for failure in summary.failures],
        "not_requested": summary.not_requested,
        "skipped_providers": [vars(skipped) for skipped in summary.skipped_providers],
        "nothing_to_do": summary.nothing_to_do,
        "seconds": round(summary.seconds, 3),
    }


def _progress(cli: CliContext) -> AbstractContextManager[None]:
    """A progress bar on a terminal."""
    from flows.cli.progress_bar import progress_bar  # noqa: PLC0415 - imports rich

    return progress_bar(cli.console)
