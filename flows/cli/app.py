"""The command line `lakehouse`: commands, exit codes, and errors as one line."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli import breaks, export, health, plan
from flows.cli import maintenance as operate_commands
from flows.cli import queries as read_commands
from flows.cli import run as run_commands
from flows.cli.context import CliContext, open_context
from flows.cli.entry_point import run_in_process

app = typer.Typer(
    name="lakehouse",
    help="A lakehouse for market data: fetch, build, check, query, explain.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
_OPTIONS: dict[str, object] = {"config": None, "json": False}


@app.callback()
def options(
    config: Annotated[
        Path | None, typer.Option(help="Settings file; else $LAKEHOUSE_CONFIG, config/lakehouse.toml.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Answers for machines, as JSON.")] = False,
) -> None:
    """Options of every command."""
    _OPTIONS.update(config=config, json=json)


def context() -> CliContext:
    """The context of this call, made of the options and the environment."""
    config = _OPTIONS["config"]
    return open_context(config if isinstance(config, Path) else None, is_json=bool(_OPTIONS["json"]))


run_commands.register(app, context)
plan.register(app, context)
operate_commands.register(app, context)
read_commands.register(app, context)
breaks.register(app, context)
health.register(app, context)
export.register(app, context)


def main() -> None:
    """The command `lakehouse`."""
    run_in_process(app)


if __name__ == "__main__":
    main()
