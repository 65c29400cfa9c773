"""The objects of an export: what is read together, and where one object ends and the next begins."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from serving.export.source import ExportSource, SessionRange, read_range, symbol_counts
from serving.query.literals import literal
from serving.query.select import Records


@dataclass(frozen=True)
class ExportObject:
    """One object to be: its name without the suffix, and its rows, of which pieces may be read late."""

    key: str
    batches: Iterable[pa.Table]


def objects(source: ExportSource, found: Records) -> Iterator[ExportObject]:
    """The objects of the sessions found, in order.

    Sessions are read together up to `rows_at_once` rows. A larger one is read in pieces, whole symbols
    each; where the session is one object, only when that object is written.
    """
    for session_range in session_ranges(found, source.rows_at_once):
        if session_range.rows <= source.rows_at_once:
            yield from _split(source, read_range(source, session_range))
        elif source.layout.is_by_symbol:
            for piece in _batches(source, session_range):
                yield from _split(source, piece)
        else:
            yield ExportObject(source.layout.key(session_range.first, ""), _read_late(source, session_range))


def session_ranges(found: Records, max_rows: int) -> list[SessionRange]:
    """The sessions, neighbours put together while they have no more than `max_rows` rows."""
    result: list[SessionRange] = []
    for session in found:
        day, rows = session["trade_dt"], session["row_count"]
        if result and result[-1].rows + rows <= max_rows:
            result[-1] = SessionRange(result[-1].first, day, result[-1].rows + rows)
        else:
            result.append(SessionRange(day, day, rows))
    return result


def symbol_ranges(counts: Records, max_rows: int) -> list[tuple[str, str]]:
    """First and last symbols of neighbours that have no more than `max_rows` rows; one symbol at least."""
    result: list[tuple[str, str]] = []
    held = 0
    for item in counts:
        if result and held + item["row_count"] <= max_rows:
            result[-1], held = (result[-1][0], item["symbol"]), held + item["row_count"]
        else:
            held = item["row_count"]
            result.append((item["symbol"], item["symbol"]))
    return result


def _read_late(source: ExportSource, session_range: SessionRange) -> Iterator[pa.Table]:
    for piece in _batches(source, session_range):
        yield piece.select(source.layout.columns)


def _batches(source: ExportSource, session_range: SessionRange) -> Iterator[pa.Table]:
    for first, last in symbol_ranges(symbol_counts(source, session_range), source.rows_at_once):
        of_symbols = f"symbol >= {literal(first)} AND symbol <= {literal(last)}"
        yield read_range(source, session_range, of_symbols)


def _split(source: ExportSource, rows: pa.Table) -> Iterator[ExportObject]:
    """An object wherever the parting columns change; the rows are sorted by them."""
    changes = np.zeros(max(rows.num_rows - 1, 0), dtype=bool)
    for name in source.layout.object_columns:
        codes = rows[name].combine_chunks().dictionary_encode().indices.to_numpy()
        changes |= codes[1:] != codes[:-1]
    starts = [0, *(int(index) + 1 for index in np.flatnonzero(changes)), rows.num_rows]
    for start, end in pairwise(starts):
        if end > start:
            part = rows.slice(start, end - start)
            key = source.layout.key(part["trade_dt"][0].as_py(), part["symbol"][0].as_py())
            yield ExportObject(key, (part.select(source.layout.columns),))
