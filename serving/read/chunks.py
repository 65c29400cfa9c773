"""Reads chunks: all row versions of one symbol and interval in one partition."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from delta_tables.storage.lake import Lake
from serving.query.literals import literal, literals
from serving.read.snapshots import Snapshot, query
from serving.read.tables import ReadableTable

# Bounds the memory of one query. A query costs 20 ms, and each partition in it 2 ms.
_MAX_PARTITIONS_PER_QUERY = 64


class ChunkKey(NamedTuple):
    """The identity of a chunk: `digest` names its files, `variant` the computation applied to them."""

    digest: str
    symbol: str
    interval: str | None
    day: date
    variant: str = ""


Chunks = dict[ChunkKey, pa.Table]


def read_chunks(lake: Lake, snapshot: Snapshot, missing: Sequence[ChunkKey]) -> Iterator[Chunks]:
    """The chunks in groups, each chunk in memory of its own; a chunk without rows is an empty table.

    Raises:
        LakeError: a data file is damaged or missing.
    """
    for keys in query_groups(missing):
        rows = query(lake, {"stored": snapshot}, _sql(snapshot, keys))
        yield split(rows, snapshot.schema, snapshot.table.partition, keys)


def split(rows: pa.Table, schema: pa.Schema, partition: str, keys: Sequence[ChunkKey]) -> Chunks:
    """The rows as one chunk per key, in the schema; they must be sorted by symbol and partition."""
    plain = pa.table({field.name: _plain(rows[field.name], field.type) for field in schema})
    empty = _own_copy(plain, schema, 0, 0)
    chunks = {name: _own_copy(plain, schema, start, end) for name, start, end in _blocks(rows, partition)}
    return {key: chunks.get((key.symbol, key.day), empty) for key in keys}


def _blocks(rows: pa.Table, partition: str) -> Iterator[tuple[tuple[str, date], int, int]]:
    """Symbol and partition of each block of rows, with the block's first row and the row after its last."""
    if not rows.num_rows:
        return
    symbols = rows["symbol"].cast(pa.string()).combine_chunks().dictionary_encode()
    # to_numpy and pyarrow.array would import pandas, which takes half a second
    codes = np.from_dlpack(symbols.indices)
    days = np.from_dlpack(rows[partition].cast(pa.int32()).combine_chunks())
    is_first = np.concatenate([[True], (codes[1:] != codes[:-1]) | (days[1:] != days[:-1])])
    starts = [*np.flatnonzero(is_first).tolist(), rows.num_rows]
    for start, end in pairwise(starts):
        yield (symbols.dictionary[int(codes[start])].as_py(), rows[partition][start].as_py()), start, end


def _plain(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    return column.cast(pa.string() if pa.types.is_dictionary(kind) else kind).combine_chunks()


def _own_copy(table: pa.Table, schema: pa.Schema, start: int, end: int) -> pa.Table:
    """A copy of the rows: a slice would keep the whole result of the query in memory."""
    rows = table.take(_indices(start, end))
    columns = [
        rows[field.name].dictionary_encode() if pa.types.is_dictionary(field.type) else rows[field.name]
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _indices(start: int, end: int) -> pa.Array:
    """The integers from `start` up to `end`, as an Arrow array."""
    numbers = pa.py_buffer(np.arange(start, end, dtype=np.int64))
    return pa.Array.from_buffers(pa.int64(), end - start, [None, numbers])


def query_groups(missing: Sequence[ChunkKey]) -> Iterator[list[ChunkKey]]:
    """The keys in groups of one interval; each group is every pair of its symbols and its partitions."""
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
    table = snapshot.table
    names = dict.fromkeys([*snapshot.schema.names, table.partition])
    columns = ", ".join(f'"{name}"' for name in names)
    order = ", ".join(f'"{name}"' for name in ("symbol", table.partition, *table.order))
    return f"SELECT {columns} FROM stored WHERE {chunk_condition(table, keys)} ORDER BY {order}"  # noqa: S608 - escaped


def chunk_condition(table: ReadableTable, keys: Sequence[ChunkKey]) -> str:
    """The SQL condition for the rows of the chunks, which must have the same interval."""
    days = literals(sorted({key.day for key in keys}))
    symbols = literals(sorted({key.symbol for key in keys}))
    interval = keys[0].interval
    of_interval = f' AND "interval" = {literal(interval)}' if interval else ""
    return f'symbol IN ({symbols}) AND "{table.partition}" IN ({days}){of_interval}'


def concatenate(chunks: Chunks, schema: pa.Schema) -> pa.Table:
    """All chunks as one table, in order, without copying them."""
    filled = [chunk for chunk in chunks.values() if chunk.num_rows]
    return pa.concat_tables(filled) if filled else schema.empty_table()
