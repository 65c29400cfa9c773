"""Divides the rows of an export into reads of limited size, and into objects."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from serving.export.source import ExportSource, SessionRange, read_range, symbol_counts
from serving.query.literals import literal
from serving.query.selected_rows import Records


@dataclass(frozen=True)
class ExportObject:
    """An object to write: its name without suffix, and its rows in batches, which may be read on demand."""

    key: str
    batches: Iterable[pa.Table]


def objects(source: ExportSource, found_sessions: Records) -> Iterator[ExportObject]:
    """The objects of the sessions, in order.

    Sessions are read together up to `rows_at_once` rows. A larger session is read in batches of whole
    symbols; if the session is one object, the batches are read when that object is written.
    """
    for session_range in session_ranges(found_sessions, source.rows_at_once):
        if session_range.rows <= source.rows_at_once:
            yield from _split(source, read_range(source, session_range))
        elif source.layout.is_by_symbol:
            for batch in _batches(source, session_range):
                yield from _split(source, batch)
        else:
            yield ExportObject(source.layout.key(session_range.first, ""), _read_late(source, session_range))


def session_ranges(found_sessions: Records, max_rows: int) -> list[SessionRange]:
    """The sessions, with neighbours combined up to `max_rows` rows."""
    result: list[SessionRange] = []
    for session in found_sessions:
        day, rows = session["trade_dt"], session["row_count"]
        if result and result[-1].rows + rows <= max_rows:
            result[-1] = SessionRange(result[-1].first, day, result[-1].rows + rows)
        else:
            result.append(SessionRange(day, day, rows))
    return result


def symbol_ranges(counts: Records, max_rows: int) -> list[tuple[str, str]]:
    """First and last symbol of consecutive ranges with at most `max_rows` rows, or of one symbol."""
    result: list[tuple[str, str]] = []
    rows_in_range = 0
    for row in counts:
        symbol, rows = row["symbol"], row["row_count"]
        if result and rows_in_range + rows <= max_rows:
            result[-1], rows_in_range = (result[-1][0], symbol), rows_in_range + rows
        else:
            rows_in_range = rows
            result.append((symbol, symbol))
    return result


def _read_late(source: ExportSource, session_range: SessionRange) -> Iterator[pa.Table]:
    for batch in _batches(source, session_range):
        yield batch.select(source.layout.columns)


def _batches(source: ExportSource, session_range: SessionRange) -> Iterator[pa.Table]:
    for first, last in symbol_ranges(symbol_counts(source, session_range), source.rows_at_once):
        of_symbols = f"symbol >= {literal(first)} AND symbol <= {literal(last)}"
        yield read_range(source, session_range, of_symbols)


def _split(source: ExportSource, rows: pa.Table) -> Iterator[ExportObject]:
    """One object per combination of values of the layout's object columns, which the rows are sorted by."""
    if not rows.num_rows:
        return
    changes = np.zeros(rows.num_rows - 1, dtype=bool)
    for name in source.layout.object_columns:
        # to_numpy would import pandas, which takes half a second
        codes = np.from_dlpack(rows[name].combine_chunks().dictionary_encode().indices)
        changes |= codes[1:] != codes[:-1]
    starts = [0, *(int(index) + 1 for index in np.flatnonzero(changes)), rows.num_rows]
    for start, end in pairwise(starts):
        if end > start:
            part = rows.slice(start, end - start)
            key = source.layout.key(part["trade_dt"][0].as_py(), part["symbol"][0].as_py())
            yield ExportObject(key, (part.select(source.layout.columns),))
