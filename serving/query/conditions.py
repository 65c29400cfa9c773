"""The SQL condition for a range of sessions; the one for row versions is in delta_tables.views.conditions."""

from datetime import date
from typing import TYPE_CHECKING

from delta_tables.intervals import year_partition
from serving.query.literals import literal

if TYPE_CHECKING:  # imports pyspark's types, which serving.read does without
    from delta_tables.table import Table


def of_sessions(table: "Table", first: date | None, last: date | None) -> str:
    """The SQL condition for sessions from `first` to `last`, both included, and for their partitions.

    The partitions are compared with literal dates, so that others are not read. A partition of silver.bars
    is a session, or the first day of its year.
    """
    conditions = ["true"]
    has_partition_dt = "partition_dt" in table.columns
    if first:
        conditions.append(f"trade_dt >= {literal(first)}")
        if has_partition_dt:
            conditions.append(f"partition_dt >= {literal(year_partition(first))}")
    if last:
        conditions.append(f"trade_dt <= {literal(last)}")
        if has_partition_dt:
            conditions.append(f"partition_dt <= {literal(last)}")
    return " AND ".join(conditions)
