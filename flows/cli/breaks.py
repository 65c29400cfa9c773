"""`lakehouse breaks`: where providers disagree about a bar."""

from typing import Annotated

import typer

from flows.cli.context import cli_context


def breaks(
    ctx: typer.Context,
    symbol: Annotated[
        str | None, typer.Argument(help="Show this symbol's breaks. Default: counts of all symbols.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most the latest N breaks.")] = 100,
) -> None:
    """Show bars on which providers disagree: counts by symbol and pair of providers, or a symbol's breaks.

    The first provider of a pair is the preferred one. A missing bar is one that only the preferred one has.
    """
    from serving.monitor.breaks import (  # noqa: PLC0415 - imports delta-rs
        break_counts,
        breaks_of,
        require_compared,
        require_symbol,
    )
    from serving.output import terminal as show  # noqa: PLC0415 - imports rich and delta-rs
    from serving.output.json_text import json_text  # noqa: PLC0415 - imports pyarrow

    cli = cli_context(ctx)
    cli.require_lake()
    require_compared(cli.lake)
    if symbol:
        require_symbol(cli.lake, symbol)
    rows = breaks_of(cli.lake, symbol, limit) if symbol else break_counts(cli.lake)
    if cli.is_json:
        typer.echo(json_text(rows))
    elif rows:
        show.print_records(cli.console, rows)
    else:
        cli.console.print(f"no breaks{f' of {symbol}' if symbol else ''}", markup=False)
