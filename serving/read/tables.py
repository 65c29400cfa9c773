"""The Silver tables that readers read: their names, their partitions, and the order of their rows.

These declarations repeat a part of delta_tables.tables, so that a reader starts without pyspark's types; a
test compares the two.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from delta_tables.intervals import LONG_INTERVALS, is_year_partition, year_partition

# `lakehouse explain` shows where a row comes from; a backtest would carry 100 bytes per row for it.
EXCLUDED_COLUMNS = ("payload_id", "position", "run_id", "partition_dt")


@dataclass(frozen=True)
class ReadableTable:
    """A Silver table as readers read it.

    `partition` is the partition column, `order` the sort columns within a symbol. `plain` text columns have
    too many distinct values for dictionary encoding. `slack` is the largest distance between a row's session
    and the UTC date of its timestamp.
    """

    name: str
    partition: str
    order: tuple[str, ...]
    slack: timedelta
    plain: tuple[str, ...] = ()
    layer: str = "silver"

    @property
    def full_name(self) -> str:
        """The name in SQL, such as `silver.bars`."""
        return f"{self.layer}.{self.name}"


# An FX week opens on Sunday, and a futures session on the evening before.
BARS = ReadableTable("bars", "partition_dt", ("timestamp", "provider", "known_from"), timedelta(days=2))
_TICK_ORDER = ("sip_timestamp_ns", "sequence_number")
TRADES = ReadableTable(
    "trades",
    "trade_dt",
    (*_TICK_ORDER, "provider", "exchange", "trade_id", "trf_id", "known_from"),
    timedelta(days=1),
    ("trade_id",),
)
QUOTES = ReadableTable("quotes", "trade_dt", (*_TICK_ORDER, "provider", "known_from"), timedelta(days=1))
ACTIONS = ReadableTable("corporate_actions", "", (), timedelta(0))


def partitions_of(
    partitions: Iterable[date], interval: str | None, first: date | None, last: date | None
) -> tuple[date, ...]:
    """The partitions that can hold rows of the sessions from `first` to `last`, both included.

    A partition is a session; for daily and longer bars it is the first day of the session's year.
    """
    if interval in LONG_INTERVALS:
        first = year_partition(first) if first else None
        partitions = (day for day in partitions if is_year_partition(day))
    return tuple(day for day in partitions if (not first or first <= day) and (not last or day <= last))
