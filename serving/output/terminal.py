"""Results as a grid on a terminal, or as plain tab-separated lines on a pipe."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from serving.explain.explain import BronzeSource, Explanation
from serving.monitor.status import Status
from serving.output.json_text import cell_text
from serving.query.selected_rows import Records

MAX_ROWS = 200
_MAX_BARS = 3
_GUTTER = 3
Cells = Mapping[str, Any]


def print_table(console: Console, table: pa.Table) -> None:
    """Prints the first 200 rows as a grid on a terminal; on a pipe all rows, tab-separated with a header."""
    _print_result(console, table.column_names, _rows(table))


def print_records(console: Console, records: Records) -> None:
    """Prints records of the same columns, one or more, as print_table does."""
    _print_result(console, list(records[0]), [list(record.values()) for record in records])


def _print_result(console: Console, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    if not console.is_terminal:
        _print_lines(console, names, rows)
        return
    _print_cells(console, names, rows[:MAX_ROWS])
    count = "1 row" if len(rows) == 1 else f"{len(rows):,} rows"
    cut = f" (only the first {MAX_ROWS} shown; add a LIMIT or use a pipe)" if len(rows) > MAX_ROWS else ""
    console.print(f"{count}{cut}", style="dim")


def print_explanation(console: Console, explanation: Explanation) -> None:
    """Prints the row, the rows it was computed from, and excerpts of their payloads and files."""
    _print_line(console, f"{explanation.table}", "bold")
    for name, value in explanation.row.items():
        _print_line(console, f"  {name:<18} {cell_text(value)}")
    for part in explanation.evidence:
        session_range = f", {part.session_range}" if part.session_range else ""
        _print_line(console, f"\n{part.role}: {len(part.rows)} of {part.table}{session_range}", "bold")
        for row in part.rows[:_MAX_BARS] if part is explanation.evidence[0] else ():
            _print_line(console, "  " + _bar_line(row))
        if part is explanation.evidence[0] and len(part.rows) > _MAX_BARS:
            _print_line(console, f"  and {len(part.rows) - _MAX_BARS} more")
    for source in explanation.sources:
        _print_source(console, source)
    for payload_id in explanation.lost:
        _print_line(
            console, f"\n{payload_id} is neither in bronze.raw_payloads nor in bronze.raw_files", "bold red"
        )


def print_status(console: Console, state: Status) -> None:
    """Prints sizes, freshness, late and missing sessions, last stages, failed checks, and quarantine."""
    _section(console, "Tables", [vars(size) for size in state.tables])
    _section(console, "Freshness", state.freshness)
    _section(console, "Sessions that were due", state.arrivals)
    _section(console, "Late and missing", [_without(row, "absent") for row in state.absent])
    _section(console, "Last stages", [_without(row, "run_id", "detail") for row in state.stages])
    _section(console, "Failed checks", [_without(row, "run_id") for row in state.failed_checks])
    _section(console, "Quarantine", state.quarantine)
    _section(console, "Payloads on which an engine failed", state.engine_failures)
    _section(console, "Dead letters", state.dead_letters)


def _print_source(console: Console, source: BronzeSource) -> None:
    simulated = ", simulated" if source.is_simulated else ""
    intact = ", BYTES DO NOT MATCH THE ID" if source.is_intact is False else ""
    kind = "file" if source.path else "payload"
    _print_line(console, f"\n{kind} {source.payload_id}{simulated}{intact}", "bold")
    _print_line(console, f"  {source.provider} {source.dataset}: {source.request}")
    times = f", delivered {source.deliveries} times" if source.deliveries > 1 else ""
    fetched = f"fetched {cell_text(source.fetched_at)}{times}"
    how = f"HTTP {source.status}" if source.path is None else source.path
    _print_line(console, f"  {how}, {fetched}; {source.row_count} rows come from it")
    if source.expired:
        _print_line(console, f"  {source.expired}", "yellow")
        return
    for part in source.excerpts:
        _print_line(console, f"  at {part.position}")
        for line in (part.text or "nothing at this position").splitlines():
            _print_line(console, f"    {line}", "cyan")


def _bar_line(row: Cells) -> str:
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


def _without(row: Cells, *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _section(console: Console, title: str, rows: Records) -> None:
    _print_line(console, f"\n{title}", "bold")
    if not rows:
        _print_line(console, "none")
        return
    names = list(rows[0])
    cells = [[row[name] for name in names] for row in rows]
    (_print_cells if console.is_terminal else _print_lines)(console, names, cells)


def _rows(table: pa.Table) -> list[Sequence[Any]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def _print_cells(console: Console, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Prints a grid if it fits the terminal, otherwise one block per row."""
    texts = [[_human(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(names, *texts, strict=True)]
    if sum(widths) + _GUTTER * len(widths) > console.width:
        _print_blocks(console, names, texts)
        return
    grid = Grid(show_edge=False, pad_edge=False, header_style="bold", box=SIMPLE_HEAD)
    for index, name in enumerate(names):
        is_number = any(isinstance(row[index], int | float | Decimal) for row in rows)
        grid.add_column(Text(name), justify="right" if is_number else "left", no_wrap=True)
    for row in texts:
        grid.add_row(*map(Text, row))
    console.print(grid)


def _print_blocks(console: Console, names: Sequence[str], texts: Sequence[Sequence[str]]) -> None:
    widest = max(map(len, names))
    for number, row in enumerate(texts, start=1):
        _print_line(console, f"row {number}", "dim")
        for name, text in zip(names, row, strict=True):
            _print_line(console, f"  {name:<{widest}}  {text}")


def _print_lines(console: Console, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    lines = ["\t".join(names), *("\t".join(map(_single_line, row)) for row in rows)]
    console.file.write("\n".join(lines) + "\n")


def _human(value: Any) -> str:  # noqa: ANN401 - a cell of any type
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}Z"
    return f"{value:.2f}" if isinstance(value, float) else _printable(cell_text(value))


def _single_line(value: Any) -> str:  # noqa: ANN401 - a cell of any type
    return cell_text(value).translate({ord("\t"): " ", ord("\n"): " ", ord("\r"): " "})


def _print_line(console: Console, line: str, style: str = "") -> None:
    """Prints a line unchanged: values that look like markup are printed as text, and nothing is wrapped."""
    console.print(Text(_printable(line), style=style), soft_wrap=True)


def _printable(text: str) -> str:
    """The text without control characters, with which a received value could control the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)
