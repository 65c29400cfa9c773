"""The storage of the lake as tables for a person."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

_KB = 1024

Row = Mapping[str, str | int | None]


def print_storage(console: Console, layers: Sequence[Row], tables: Sequence[Row]) -> None:
    """Prints one line per layer, one per table that has files, and why old files were kept."""
    console.print(_storage_table("layer", layers))
    console.print(_storage_table("table", [row for row in tables if row["files"] or row["old bytes"]]))
    for row in tables:
        if kept := row["old files kept"]:
            console.print(f"{row['table']}: old files kept: {kept}", markup=False)


def _storage_table(subject: str, rows: Sequence[Row]) -> Table:
    drawn = Table(box=None, header_style="bold")
    drawn.add_column(subject)
    for title in ("rows", "files before", "files", "size before", "size", "old files"):
        drawn.add_column(title, justify="right")
    for row in rows:
        counts = [f"{row[name]:,}" for name in ("rows", "files before", "files")]
        sizes = [_size(int(row[name] or 0)) for name in ("bytes before", "bytes", "old bytes")]
        drawn.add_row(str(row[subject]), *counts, *sizes)
    return drawn


def _size(count: int) -> str:
    """The bytes in a unit that keeps the number short."""
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < _KB:
            break
        size, unit = size / _KB, larger
    return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
