"""Commands about the state of the lake: check, doctor and maintain."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.context import CliContext, cli_context
from flows.cli.errors import EXIT_ERROR, EXIT_NOT_EVALUATED, leave
from flows.cli.orchestration import PrefectOption, uses_prefect

if TYPE_CHECKING:
    from jobs.pipelines.maintenance import MaintenanceResult
    from quality.gate_result import GateResult


def check(
    ctx: typer.Context,
    datasets: Annotated[
        list[str] | None,
        typer.Argument(
            help="Tables to check, by Soda's dataset name such as silver_bars. Default: all that have checks."
        ),
    ] = None,
) -> None:
    """Apply the checks in quality/checks to the published tables.

    Exit code 0: all pass; 1: warnings; 2: a check fails; 3: a check could not be evaluated.
    """
    from flows.cli.maintenance.check import check_tables, print_results  # noqa: PLC0415 - imports the engine

    try:
        cli = cli_context(ctx)
        checked = check_tables(cli, datasets or [])
    except Exception as error:
        leave(error, EXIT_NOT_EVALUATED)
    if cli.is_json:
        results = [_plain(result) for result in checked.results]
        empty = [{"dataset": name, "status": "empty", "row_count": 0} for name in checked.empty]
        typer.echo(json.dumps(results + empty, default=str))
    else:
        print_results(cli.console, checked)
    raise typer.Exit(max((result.exit_code for result in checked.results), default=0))


def doctor(
    ctx: typer.Context,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep",
            help="Read every live file of every table, and compare it with its checksum, its log and, in "
            "Bronze, its id.",
        ),
    ] = False,
) -> None:
    """Test settings, secrets, lake, tables, state folder, disk, engine and quotas; say how to fix errors.

    The state folder (`state_dir`) holds downloads, locks and the count of API calls. Exit code 0: all is
    well; 2: something is not.
    """
    from flows.cli.maintenance.doctor import examine  # noqa: PLC0415 - imports the engine
    from flows.cli.progress_bar import progress_bar  # noqa: PLC0415 - imports rich

    cli = cli_context(ctx)
    findings = examine(cli)
    if deep:
        from flows.cli.maintenance.doctor_deep import examine_deeply  # noqa: PLC0415 - reads the whole lake

        with progress_bar(cli.console):
            findings += examine_deeply(cli)
    if cli.is_json:
        typer.echo(json.dumps([vars(finding) for finding in findings]))
    else:
        for finding in findings:
            mark = "ok  " if finding.is_well else "FAIL"
            cli.console.print(f"{mark} {finding.what}: {finding.found}", markup=False, soft_wrap=True)
    raise typer.Exit(0 if all(finding.is_well for finding in findings) else EXIT_ERROR)


def maintain(ctx: typer.Context, prefect: PrefectOption = False) -> None:
    """Compact all tables, verify that no row changed, remove old files; show the storage.

    Removes files that no version of the last `maintenance.retain_hours` needs (default: 168, one week).
    Waits while a run builds.
    """
    from flows.cli.maintenance.storage import print_storage  # noqa: PLC0415 - imports rich
    from flows.cli.progress_bar import progress_bar  # noqa: PLC0415 - imports rich
    from jobs.pipelines.maintenance import layer_rows, table_rows  # noqa: PLC0415 - imports pyspark

    cli = cli_context(ctx)
    cli.require_lake()
    with progress_bar(cli.console):
        results = _maintain_as_flow(cli) if uses_prefect(prefect) else _maintain(cli)
    layers, tables = layer_rows(cli.lake, results), table_rows(results)
    if cli.is_json:
        typer.echo(json.dumps({"layers": layers, "tables": tables}))
    else:
        print_storage(cli.console, layers, tables)


def _maintain(cli: CliContext) -> "list[MaintenanceResult]":
    from flows.operations.maintain import maintain as run_maintain  # noqa: PLC0415 - imports pyspark

    return run_maintain(cli.new_run())


def _maintain_as_flow(cli: CliContext) -> "list[MaintenanceResult]":
    from flows.maintain import maintain as flow  # noqa: PLC0415 - imports Prefect

    return flow(cli.config_text)


def _plain(result: "GateResult") -> dict[str, object]:
    return {
        "dataset": result.dataset,
        "status": result.status,
        "row_count": result.row_count,
        "seconds": round(result.seconds, 3),
        "outcomes": [vars(outcome) for outcome in result.outcomes],
        "errors": list(result.errors),
    }
