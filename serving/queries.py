"""Aggregates without an engine, by delta-rs' own query engine (DataFusion)."""

from typing import Any

import pyarrow as pa
from deltalake import QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from delta_tables.create_tables import first_line, open_table
from delta_tables.lake import Lake, LakeError
from delta_tables.table import Table

Rows = list[dict[str, Any]]


def select(lake: Lake, table: Table, sql: str) -> Rows:
    """The rows that a SELECT over the table, named `stored` in it, gives; none where it does not exist.

    Column names that are SQL words ("interval", "timestamp", "7d_avg") have to be quoted.

    Raises:
        LakeError: the table is there and cannot be read.
    """
    try:
        builder = QueryBuilder().register("stored", open_table(lake, table))
        return pa.table(builder.execute(sql)).to_pylist()  # type: ignore[no-any-return]
    except TableNotFoundError:
        return []
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise LakeError(
            f"{table.full_name}: data files at {lake.uri(table)} are damaged or missing "
            f"({first_line(error)}); restore them from a backup, or move the folder away and build again"
        ) from None
