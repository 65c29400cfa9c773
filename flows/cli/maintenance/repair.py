"""The command `repair`, and how its result is shown."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.context import CliContext, cli_context
from flows.cli.errors import EXIT_ERROR, leave

if TYPE_CHECKING:
    from flows.operations.repair import Repair


def repair(
    ctx: typer.Context,
    tables: Annotated[
        list[str] | None,
        typer.Argument(help="Tables to repair, such as silver.bars. Default: all that are damaged."),
    ] = None,
) -> None:
    """Set damaged tables aside; build Silver and Gold again from Bronze; keep all readable rows of Bronze.

    Reads the whole lake first, as `doctor --deep` does. Nothing is deleted: what was set aside is in
    `_damaged` below the lake. Stop other runs before. A damaged data file of Bronze can only come from a
    backup; name the table to go on without its rows. Exit code 0: repaired, or nothing was damaged; 2: not.
    """
    from flows.operations.repair import repair as run_repair  # noqa: PLC0415 - imports pyspark

    cli = cli_context(ctx)
    try:
        cli.require_lake()
        done = run_repair(cli.settings, cli.secrets, tables or [])
    except Exception as error:
        leave(error, EXIT_ERROR)
    _show(cli, done)
    raise typer.Exit(EXIT_ERROR if done.irreparable else 0)


def _show(cli: CliContext, done: "Repair") -> None:
    if cli.is_json:
        typer.echo(json.dumps(_plain(done)))
        return
    lines = [_line(row) for row in _plain(done)["repaired"]] or ["nothing had to be repaired"]
    for name in (table.full_name for table in done.irreparable):
        lines.append(
            f"{name}: data files are damaged, which `lakehouse doctor --deep` names; restore them from a "
            f"backup, or go on without their rows with `lakehouse repair {name}`, then fetch them again"
        )
    for line in lines:
        cli.console.print(line, markup=False, soft_wrap=True)


def _plain(done: "Repair") -> dict[str, list[dict[str, object]]]:
    """The result as JSON has it."""
    return {
        "repaired": [
            {
                "table": one.table.full_name,
                "set_aside_in": one.path,
                "rows_kept": one.rows,
                "files_left": list(one.unsound),
            }
            for one in done.repaired
        ],
        "irreparable": [{"table": table.full_name} for table in done.irreparable],
    }


def _line(row: dict[str, object]) -> str:
    how = "built again from Bronze" if row["rows_kept"] is None else f"{row['rows_kept']} rows were kept"
    left = row["files_left"]
    lost = f"; the rows of {len(left)} damaged files were not" if isinstance(left, list) and left else ""
    return f"{row['table']}: {how}{lost}; the damaged table is in {row['set_aside_in']}"
