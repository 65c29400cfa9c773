"""One number for the rows of a version of a table, of any size: read in batches, whatever their order."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, QueryBuilder
from pyspark.sql.types import BinaryType

from delta_tables.storage.lake import Lake
from delta_tables.table import Table

_KEYS: Final = ("market-lakehouse", "lakehouse-market")  # two hashes of 64 bits make one of 128
_SEPARATOR: Final = b"\x1f"
_NULL: Final = b"\x00"


@dataclass(frozen=True)
class RowDigest:
    """Rows, and the sums of their hashes: equal ones mean the same rows the same number of times."""

    rows: int = 0
    sums: tuple[int, int] = (0, 0)


def row_digest(
    lake: Lake, table: Table, version: int, partitions: Collection[str] | None = None
) -> RowDigest:
    """The digest of every column of a version's rows; of some `partitions` only, by the text of their value.

    Of a binary column its SHA-256 is taken, by the query engine: bodies are not held in memory.
    """
    stored = DeltaTable(lake.uri(table), version=version, storage_options=dict(lake.options))
    found = QueryBuilder().register("stored", stored).execute(_query(table, partitions))
    rows, sums = 0, [0, 0]
    for batch in pa.RecordBatchReader.from_stream(found):
        lines = _lines(batch)
        rows += len(lines)
        for number, key in enumerate(_KEYS):
            hashes = pd.util.hash_array(lines, hash_key=key, categorize=False)
            sums[number] = (sums[number] + int(hashes.sum(dtype=np.uint64))) % 2**64
    return RowDigest(rows, (sums[0], sums[1]))


def _query(table: Table, partitions: Collection[str] | None) -> str:
    names = ", ".join(
        f'sha256("{field.name}") AS "{field.name}"'
        if isinstance(field.dataType, BinaryType)
        else f'"{field.name}"'
        for field in table.schema
    )
    if partitions is None:
        return f"SELECT {names} FROM stored"  # noqa: S608 - our names
    values = ", ".join(f"'{value}'" for value in sorted(partitions)) or "NULL"
    return f'SELECT {names} FROM stored WHERE "{table.partition_by[0]}" IN ({values})'  # noqa: S608 - our names


def _lines(batch: pa.RecordBatch) -> npt.NDArray[np.object_]:
    """Each row as bytes: its values in order, written out, what has no value told from what is empty."""
    columns = [_as_bytes(column) for column in batch.columns]
    joined = pc.binary_join_element_wise(
        *columns, _SEPARATOR, null_handling="replace", null_replacement=_NULL
    )
    return np.asarray(joined.to_numpy(zero_copy_only=False), dtype=object)


def _as_bytes(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or kind == pa.binary_view():
        return column.cast(pa.binary())
    if pa.types.is_nested(kind):
        written = (None if value is None else repr(value).encode() for value in column.to_pylist())
        return pa.array(written, pa.binary())  # the type said, because all of them can be null
    return column.cast(pa.string()).cast(pa.binary())
