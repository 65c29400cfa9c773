"""Aggregates without an engine, by delta-rs' own query engine (DataFusion)."""

from typing import Any

from delta_tables.storage.arrow_io import query_rows
from delta_tables.storage.lake import Lake
from delta_tables.table import Table

Records = list[dict[str, Any]]


def select(lake: Lake, table: Table, sql: str) -> Records:
    """The rows that a SELECT over the table, named `stored` in it, gives; none where it does not exist.

    Column names that are SQL words ("interval", "timestamp", "7d_avg") have to be quoted.

    Raises:
        LakeError: the table is there and cannot be read.
    """
    found = query_rows(lake, table, sql)
    return [] if found is None else found.to_pylist()
