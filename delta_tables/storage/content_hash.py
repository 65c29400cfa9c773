"""One hash for what a table holds, whatever the order, the files or the runs that wrote it."""

import hashlib

import pyarrow as pa

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.table import Table


def content_hash(lake: Lake, table: Table) -> str:
    """SHA-256 over the table's rows, sorted, lineage columns left out; equal means equal rows."""
    return hash_rows(read_rows(lake, table, table.content_columns))


def hash_rows(rows: pa.Table) -> str:
    """SHA-256 over rows in any order; a row that is there twice counts twice."""
    columns = [column.to_pylist() for column in rows.columns]
    lines = sorted(repr(row) for row in zip(*columns, strict=True))
    digest = hashlib.sha256("\x1f".join(rows.schema.names).encode())
    for line in lines:
        digest.update(line.encode())
        digest.update(b"\n")
    return digest.hexdigest()
