"""Splits the rows of a check into slices of a limited number of rows, whatever the size of the table."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from serving.query.conditions import of_sessions
from serving.query.literals import literal
from serving.query.selected_rows import select

Slicer = Callable[[Lake, Table, str, int], Iterable[str]]


def by_symbol(lake: Lake, table: Table, where: str, max_rows: int) -> Iterator[str]:
    """SQL conditions for ranges of whole symbols with at most `max_rows` rows, or one symbol.

    For checks with windows over time. Together they select every row of `where` exactly once.
    """
    for first, last in _ranges(_counts(lake, table, "symbol", where), max_rows):
        yield f"({where}) AND symbol BETWEEN {literal(first)} AND {literal(last)}"


def by_session(lake: Lake, table: Table, where: str, max_rows: int) -> Iterator[str]:
    """SQL conditions for ranges of whole sessions with at most `max_rows` rows, or one session.

    For checks that compare the symbols of a session. Together they select every row of `where` exactly once.
    """
    for first, last in _ranges(_counts(lake, table, "trade_dt", where), max_rows):
        yield f"({where}) AND {of_sessions(table, first, last)}"


def by_session_and_symbol(lake: Lake, table: Table, where: str, max_rows: int) -> Iterator[str]:
    """SQL conditions for ranges of sessions, a larger session split by symbols; for windows in a session.

    Each selects at most `max_rows` rows, or one symbol's session; together every row of `where` exactly once.
    """
    for part in by_session(lake, table, where, max_rows):
        yield from by_symbol(lake, table, part, max_rows)


def unsliced(_lake: Lake, _table: Table, where: str, _max_rows: int) -> Iterator[str]:
    """All rows as one slice; for checks that only aggregate."""
    yield where


def _counts(lake: Lake, table: Table, column: str, where: str) -> list[tuple[Any, int]]:
    sql = f"SELECT {column}, count(*) AS rows FROM stored WHERE {where} GROUP BY {column} ORDER BY {column}"  # noqa: S608 - our names, escaped values
    return [(row[column], row["rows"]) for row in select(lake, table, sql)]


def _ranges(counts: Iterable[tuple[Any, int]], max_rows: int) -> Iterator[tuple[Any, Any]]:
    """First and last value of consecutive ranges with at most `max_rows` rows; a larger value is alone."""
    first = last = None
    rows_in_range = 0
    for value, rows in counts:
        if first is not None and rows_in_range + rows > max_rows:
            yield first, last
            first, rows_in_range = None, 0
        first, last, rows_in_range = value if first is None else first, value, rows_in_range + rows
    if first is not None:
        yield first, last
