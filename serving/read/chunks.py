"""Reads chunks: the rows of one symbol and interval in one partition, with the whole history of each."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from delta_tables.storage.lake import Lake
from serving.query.literals import literal, literals
from serving.read.series import ReadableTable
from serving.read.snapshots import Snapshot, query

# Bounds what one query holds beside the answer; a query costs 20 ms, a partition in it two.
_MAX_PARTITIONS_PER_QUERY = 64


class ChunkKey(NamedTuple):
    """What a chunk is of: `digest` says which files hold it, `variant` what was made of them."""

    digest: str
    symbol: str
    interval: str | None
    day: date
    variant: str = ""


Chunks = dict[ChunkKey, pa.Table]


def read_chunks(lake: Lake, snapshot: Snapshot, missing: Sequence[ChunkKey]) -> Iterator[Chunks]:
    """The chunks, some at a time, each a copy of its own; one without rows is there and empty.

    Raises:
        LakeError: a data file is damaged or missing.
    """
    for keys in query_groups(missing):
        found = query(lake, {"stored": snapshot}, _sql(snapshot, keys))
        yield split(found, snapshot.schema, snapshot.series.partition, keys)


def split(found: pa.Table, schema: pa.Schema, partition: str, keys: Sequence[ChunkKey]) -> Chunks:
    """The rows as the chunks of these keys, in the schema; they have to be sorted by symbol and partition."""
    texts = pa.table({field.name: _plain(found[field.name], field.type) for field in schema})
    empty = _own_copy(texts, schema, 0, 0)
    chunks = {named: _own_copy(texts, schema, start, end) for named, start, end in _blocks(found, partition)}
    return {key: chunks.get((key.symbol, key.day), empty) for key in keys}


def _blocks(found: pa.Table, partition: str) -> Iterator[tuple[tuple[str, date], int, int]]:
    """For each symbol and partition where its rows begin and end."""
    if not found.num_rows:
        return
    symbols = found["symbol"].cast(pa.string()).combine_chunks().dictionary_encode()
    # to_numpy and pyarrow.array import pandas, half a second; so not here
    codes = np.from_dlpack(symbols.indices)
    days = np.from_dlpack(found[partition].cast(pa.int32()).combine_chunks())
    is_first = np.concatenate([[True], (codes[1:] != codes[:-1]) | (days[1:] != days[:-1])])
    starts = [*np.flatnonzero(is_first).tolist(), found.num_rows]
    for start, end in pairwise(starts):
        yield (symbols.dictionary[int(codes[start])].as_py(), found[partition][start].as_py()), start, end


def _plain(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    return column.cast(pa.string() if pa.types.is_dictionary(kind) else kind).combine_chunks()


def _own_copy(table: pa.Table, schema: pa.Schema, start: int, end: int) -> pa.Table:
    """The rows in memory of their own: a slice would keep the whole answer of the query alive."""
    rows = table.take(_indices(start, end))
    columns = [
        rows[field.name].dictionary_encode() if pa.types.is_dictionary(field.type) else rows[field.name]
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _indices(start: int, end: int) -> pa.Array:
    """The numbers from start up to end, as an Arrow array."""
    numbers = pa.py_buffer(np.arange(start, end, dtype=np.int64))
    return pa.Array.from_buffers(pa.int64(), end - start, [None, numbers])


def query_groups(missing: Sequence[ChunkKey]) -> Iterator[list[ChunkKey]]:
    """The keys in groups that are symbols x partitions, so that one query asks for no more than them."""
    by_symbol: dict[tuple[str | None, str], list[ChunkKey]] = defaultdict(list)
    for key in missing:
        by_symbol[key.interval, key.symbol].append(key)
    by_days: dict[tuple[str | None, tuple[date, ...]], list[list[ChunkKey]]] = defaultdict(list)
    for (interval, _), keys in by_symbol.items():
        by_days[interval, tuple(key.day for key in keys)].append(keys)
    for (_, days), groups in by_days.items():
        for first in range(0, len(days), _MAX_PARTITIONS_PER_QUERY):
            yield [key for keys in groups for key in keys[first : first + _MAX_PARTITIONS_PER_QUERY]]


def _sql(snapshot: Snapshot, keys: Sequence[ChunkKey]) -> str:
    series = snapshot.series
    names = dict.fromkeys([*snapshot.schema.names, series.partition])
    chosen = ", ".join(f'"{name}"' for name in names)
    order = ", ".join(f'"{name}"' for name in ("symbol", series.partition, *series.order))
    return f"SELECT {chosen} FROM stored WHERE {chunk_condition(series, keys)} ORDER BY {order}"  # noqa: S608 - escaped


def chunk_condition(series: ReadableTable, keys: Sequence[ChunkKey]) -> str:
    """The SQL condition for the rows of the chunks, whose intervals are one and the same."""
    days = literals(sorted({key.day for key in keys}))
    symbols = literals(sorted({key.symbol for key in keys}))
    interval = keys[0].interval
    same = f' AND "interval" = {literal(interval)}' if interval else ""
    return f'symbol IN ({symbols}) AND "{series.partition}" IN ({days}){same}'


def concatenate(chunks: Chunks, schema: pa.Schema) -> pa.Table:
    """The chunks one after the other; no copy is made."""
    filled = [chunk for chunk in chunks.values() if chunk.num_rows]
    return pa.concat_tables(filled) if filled else schema.empty_table()
