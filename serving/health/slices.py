"""Cuts what is looked at into slices of a bounded number of rows, whatever the size of the table."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from serving.query.conditions import of_sessions
from serving.query.literals import literal
from serving.query.select import select

Slicer = Callable[[Lake, Table, str, int], Iterable[str]]


def by_symbol(lake: Lake, table: Table, where: str, max_rows: int) -> Iterator[str]:
    """Conditions that together hold every row of `where` once, a symbol never cut; for windows over time."""
    counts = _counts(lake, table, "symbol", where)
    for first, last in _packed(counts, max_rows):
        yield f"({where}) AND symbol BETWEEN {literal(first)} AND {literal(last)}"


def by_session(lake: Lake, table: Table, where: str, max_rows: int) -> Iterator[str]:
    """The same by ranges of sessions, one never cut; for what compares the symbols of a session."""
    counts = _counts(lake, table, "trade_dt", where)
    for first, last in _packed(counts, max_rows):
        yield f"({where}) AND {of_sessions(table, first, last)}"


def by_session_and_symbol(lake: Lake, table: Table, where: str, max_rows: int) -> Iterator[str]:
    """The same by sessions, and a session of more rows by ranges of its symbols; for windows in a session."""
    for part in by_session(lake, table, where, max_rows):
        yield from by_symbol(lake, table, part, max_rows)


def unsliced(_lake: Lake, _table: Table, where: str, _most_rows: int) -> Iterator[str]:
    """All rows at once; for what needs an aggregate only."""
    yield where


def _counts(lake: Lake, table: Table, column: str, where: str) -> list[tuple[Any, int]]:
    sql = f"SELECT {column}, count(*) AS rows FROM stored WHERE {where} GROUP BY {column} ORDER BY {column}"  # noqa: S608 - our names, escaped values
    return [(row[column], row["rows"]) for row in select(lake, table, sql)]


def _packed(counts: Iterable[tuple[Any, int]], max_rows: int) -> Iterator[tuple[Any, Any]]:
    """The first and the last of consecutive values with no more rows together; a larger one is alone."""
    first = last = None
    together = 0
    for value, rows in counts:
        if first is not None and together + rows > max_rows:
            yield first, last
            first, together = None, 0
        first, last, together = value if first is None else first, value, together + rows
    if first is not None:
        yield first, last
