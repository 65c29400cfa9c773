"""SQL conditions over the lake's tables: when rows were known, and which sessions they are of."""

from datetime import date, datetime
from typing import TYPE_CHECKING

from delta_tables.intervals import year_partition
from delta_tables.views import conditions as row_conditions
from serving.query.literals import in_utc, literal

if TYPE_CHECKING:  # imports pyspark's types, which serving.read does without
    from delta_tables.table import Table


def known_at(as_of: datetime | None) -> str:
    """The SQL condition for rows of a bitemporal table known at `as_of`, or current for None.

    Raises:
        ServingError: an instant without a time zone.
    """
    return row_conditions.known_at(in_utc(as_of) if as_of else None)


def of_sessions(table: "Table", first: date | None, last: date | None) -> str:
    """The SQL condition of sessions in a range, both included, and of the partitions they can be in.

    Literal dates, so that other partitions are not read: one is a session, or the first day of its year.
    """
    conditions = ["true"]
    has_layout = "partition_dt" in table.columns
    if first:
        conditions.append(f"trade_dt >= {literal(first)}")
        if has_layout:
            conditions.append(f"partition_dt >= {literal(year_partition(first))}")
    if last:
        conditions.append(f"trade_dt <= {literal(last)}")
        if has_layout:
            conditions.append(f"partition_dt <= {literal(last)}")
    return " AND ".join(conditions)
