"""The command line `lakehouse`: every command, and the options of all of them."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli import breaks, export, health, plan, queries, run
from flows.cli.context import GlobalOptions
from flows.cli.entry_point import main
from flows.cli.maintenance import commands as maintenance
from flows.cli.maintenance.repair import repair

app = typer.Typer(
    name="lakehouse",
    help="A lakehouse for market data: fetch, build, check, query, explain.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def options(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings file. Default: $LAKEHOUSE_CONFIG, else config/lakehouse.toml."),
    ] = None,
    json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print JSON. Put it before the command, as in `lakehouse --json status`; health and export "
            "also take it after.",
        ),
    ] = False,
) -> None:
    """A lakehouse for market data: fetch, build, check, query, explain."""
    ctx.obj = GlobalOptions(config, json)


for command in (
    run.run,
    run.backfill,
    run.build,
    run.replay,
    run.rebuild_gold,
    plan.plan,
    maintenance.check,
    maintenance.doctor,
    maintenance.maintain,
    repair,
    queries.sql,
    queries.bars,
    queries.explain,
    queries.status,
    queries.report,
    breaks.breaks,
    health.health,
    export.export,
):
    app.command()(command)


if __name__ == "__main__":
    main()
