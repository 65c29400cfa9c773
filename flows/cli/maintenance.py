"""Commands about the lakehouse's health: check, doctor and maintain."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.context import CliContext
from flows.cli.errors import EXIT_ERROR, EXIT_NOT_EVALUATED, leave

if TYPE_CHECKING:
    from quality.gate_result import GateResult


def register(app: typer.Typer, context: Callable[[], CliContext]) -> None:
    """Adds the commands to the app."""

    @app.command()
    def check(
        datasets: Annotated[
            list[str] | None, typer.Argument(help="such as silver_bars; else all that have checks")
        ] = None,
    ) -> None:
        """Judge the published tables by quality/checks.

        Exit code 0: all pass; 1: warnings; 2: a check fails; 3: a check could not be evaluated.
        """
        from flows.cli.check import check_tables, print_results  # noqa: PLC0415 - imports the engine

        try:
            here = context()
            checked = check_tables(here, datasets or [])
        except Exception as error:
            leave(error, EXIT_NOT_EVALUATED)
        if here.is_json:
            judged = [_plain(result) for result in checked.results]
            empty = [{"dataset": name, "status": "empty", "row_count": 0} for name in checked.empty]
            typer.echo(json.dumps(judged + empty, default=str))
        else:
            print_results(here.console, checked)
        raise typer.Exit(max((result.exit_code for result in checked.results), default=0))

    @app.command()
    def doctor() -> None:
        """Look at settings, secrets, lake, engine and state, and say what to do about what is wrong."""
        here = context()
        from flows.cli.doctor import examine  # noqa: PLC0415 - imports the engine

        findings = examine(here)
        if here.is_json:
            typer.echo(json.dumps([vars(finding) for finding in findings]))
        else:
            for finding in findings:
                mark = "ok  " if finding.is_well else "FAIL"
                here.console.print(f"{mark} {finding.what}: {finding.found}", markup=False, soft_wrap=True)
        raise typer.Exit(0 if all(finding.is_well for finding in findings) else EXIT_ERROR)

    @app.command()
    def maintain() -> None:
        """Compact all tables and remove old files, with the proof that no row changed; show the storage.

        What no version of the last week needs is removed. Waits while a run builds.
        """
        here = context()
        from flows.cli.storage import print_storage  # noqa: PLC0415 - imports rich
        from flows.maintain import layer_rows, table_rows  # noqa: PLC0415 - imports Prefect
        from flows.maintain import maintain as flow  # noqa: PLC0415

        found = flow(here.config_text)
        layers, tables = layer_rows(here.lake, found), table_rows(found)
        if here.is_json:
            typer.echo(json.dumps({"layers": layers, "tables": tables}))
        else:
            print_storage(here.console, layers, tables)


def _plain(result: "GateResult") -> dict[str, object]:
    return {
        "dataset": result.dataset,
        "status": result.status,
        "row_count": result.row_count,
        "seconds": round(result.seconds, 3),
        "outcomes": [vars(outcome) for outcome in result.outcomes],
        "errors": list(result.errors),
    }
