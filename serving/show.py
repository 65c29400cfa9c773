"""Answers for a person at a terminal, and plain lines for a pipe."""

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from serving.explain import Explanation, Source
from serving.json_text import cell_text
from serving.queries import Rows
from serving.status import Status

MOST_ROWS = 200
_MOST_BARS = 3


def print_table(console: Console, table: pa.Table) -> None:
    """Prints a grid on a terminal, its first 200 rows; on a pipe all rows, tab-separated with a header."""
    if not console.is_terminal:
        _print_lines(console, table)
        return
    shown = table.slice(0, MOST_ROWS)
    numeric = [
        pa.types.is_decimal(f.type) or pa.types.is_floating(f.type) or pa.types.is_integer(f.type)
        for f in table.schema
    ]
    columns = [column.to_pylist() for column in shown.columns]
    _print_grid(console, table.column_names, zip(*columns, strict=True), numeric)
    rows = "1 row" if table.num_rows == 1 else f"{table.num_rows:,} rows"
    more = f", the first {MOST_ROWS} shown: add a LIMIT, or pipe it" if table.num_rows > MOST_ROWS else ""
    console.print(f"{rows}{more}", style="dim")


def print_explanation(console: Console, explanation: Explanation) -> None:
    """Prints the row, the rows it rests on, and the payloads with the exact pieces of their bodies."""
    _say(console, f"{explanation.table}", "bold")
    for name, value in explanation.row.items():
        _say(console, f"  {name:<18} {cell_text(value)}")
    for part in explanation.evidence:
        span = f", {part.span}" if part.span else ""
        _say(console, f"\n{part.role}: {len(part.rows)} of {part.table}{span}", "bold")
        for row in part.rows[:_MOST_BARS] if part is explanation.evidence[0] else ():
            _say(console, "  " + _bar_line(row))
        if part is explanation.evidence[0] and len(part.rows) > _MOST_BARS:
            _say(console, f"  and {len(part.rows) - _MOST_BARS} more")
    for source in explanation.sources:
        _print_source(console, source)
    for payload_id in explanation.lost:
        _say(console, f"\npayload {payload_id} is not in bronze.raw_payloads", "bold red")


def print_status(console: Console, state: Status) -> None:
    """Prints the sizes, the last stages, what was refused and how fresh the bars are."""
    _section(console, "Tables", [vars(size) for size in state.tables])
    _section(console, "Freshness", state.freshness)
    _section(console, "Last stages", state.stages)
    _section(console, "Failed checks", state.failed_checks)
    _section(console, "Quarantine", state.quarantine)
    _section(console, "Dead letters", state.dead_letters)


def _print_source(console: Console, source: Source) -> None:
    simulated = ", simulated" if source.is_simulated else ""
    intact = "" if source.is_intact else ", ITS BYTES DO NOT MATCH THE ID"
    _say(console, f"\npayload {source.payload_id}{simulated}{intact}", "bold")
    _say(console, f"  {source.provider} {source.dataset}: {source.request}")
    times = f", delivered {source.deliveries} times" if source.deliveries > 1 else ""
    _say(
        console,
        f"  HTTP {source.status}, fetched {cell_text(source.fetched_at)}{times}; {source.row_count} rows rest on it",
    )
    for piece in source.excerpts:
        _say(console, f"  at {piece.position}")
        for line in (piece.text or "nothing is there").splitlines():
            _say(console, f"    {line}", "cyan")


def _bar_line(row: Any) -> str:  # noqa: ANN401 - a mapping of cells
    names = (
        "timestamp",
        "trade_dt",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "eps",
        "reasons",
        "position",
        "known_from",
    )
    return "  ".join(f"{name}={cell_text(row[name])}" for name in names if row.get(name) is not None)


def _section(console: Console, title: str, rows: Rows) -> None:
    _say(console, title, "bold")
    if not rows:
        _say(console, "  none")
        return
    names = list(rows[0])
    numeric = [
        isinstance(rows[0][name], int | float) and not isinstance(rows[0][name], bool) for name in names
    ]
    _print_grid(console, names, ([row[name] for name in names] for row in rows), numeric)


def _print_grid(
    console: Console, names: Sequence[str], rows: Iterable[Sequence[Any]], numeric: Sequence[bool]
) -> None:
    grid = Grid(show_edge=False, pad_edge=False, header_style="bold")
    for name, is_number in zip(names, numeric, strict=True):
        grid.add_column(Text(name), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell_text(value)) for value in row))
    console.print(grid)


def _print_lines(console: Console, table: pa.Table) -> None:
    columns = [column.to_pylist() for column in table.columns]
    lines = ["\t".join(table.column_names)]
    lines += ["\t".join(_one_cell(value) for value in row) for row in zip(*columns, strict=True)]
    console.file.write("\n".join(lines) + "\n")


def _one_cell(value: Any) -> str:  # noqa: ANN401 - a cell of any type
    return cell_text(value).translate({ord("\t"): " ", ord("\n"): " ", ord("\r"): " "})


def _say(console: Console, line: str, style: str = "") -> None:
    """One line, as it is: a value that looks like markup is printed, and never wrapped on a pipe."""
    console.print(Text(line, style=style), soft_wrap=True)
