"""A SELECT over one table, run by delta-rs' own query engine (DataFusion) without a Spark session."""

from typing import Any

from delta_tables.storage.arrow_io import query_rows
from delta_tables.storage.lake import Lake
from delta_tables.table import Table

Records = list[dict[str, Any]]


def select(lake: Lake, table: Table, sql: str) -> Records:
    """The result of a SELECT over the table, which it names `stored`; empty if the table does not exist.

    Column names that are SQL keywords ("interval", "timestamp", "7d_avg") must be quoted.

    Raises:
        LakeError: the table exists but cannot be read.
    """
    rows = query_rows(lake, table, sql)
    return [] if rows is None else rows.to_pylist()
