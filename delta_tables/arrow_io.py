"""Reads and appends tables without an engine: Bronze, Ops, and what a reader needs at once."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from deltalake import QueryBuilder, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from delta_tables.create_tables import delta_schema, first_line, open_table
from delta_tables.lake import Lake, LakeError
from delta_tables.table import Table


def arrow_schema(table: Table) -> pa.Schema:
    """The declared schema in Arrow types."""
    return pa.schema(delta_schema(table).to_arrow())


def append_rows(lake: Lake, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Appends rows in one commit; no rows, no commit.

    Raises:
        LakeError: the rows could not be stored (a full disk, a store that is away).
    """
    if not rows:
        return
    batch = pa.Table.from_pylist([dict(row) for row in rows], schema=arrow_schema(table))
    try:
        write_deltalake(lake.uri(table), batch, mode="append", storage_options=dict(lake.options))
    except (DeltaError, OSError) as error:
        raise LakeError(
            f"{table.full_name}: {len(rows)} rows could not be stored at {lake.uri(table)}: "
            f"{first_line(error)}; free space or check the store, then run again: nothing is half-written"
        ) from None


def read_rows(
    lake: Lake, table: Table, columns: Sequence[str] | None = None, where: str = "true"
) -> pa.Table:
    """The table's current rows that satisfy the SQL condition; none where it has not been created.

    Read with delta-rs' own query engine: `DeltaTable.to_pyarrow_table` (deltalake 1.6.6) made the
    interpreter abort at exit after reading more than one file.

    Raises:
        LakeError: the table is there and cannot be read.
    """
    names = list(columns) if columns else list(table.columns)
    try:
        stored = open_table(lake, table)
        chosen = ", ".join(f'"{name}"' for name in names)
        query = QueryBuilder().register("stored", stored)
        found = pa.table(query.execute(f"SELECT {chosen} FROM stored WHERE {where}"))  # noqa: S608 - our names
        return found.cast(pa.schema(arrow_schema(table).field(name) for name in names))
    except TableNotFoundError:
        return arrow_schema(table).empty_table().select(names)
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise LakeError(
            f"{table.full_name}: data files at {lake.uri(table)} are damaged or missing "
            f"({first_line(error)}); restore them from a backup, or move the folder away and build again"
        ) from None
