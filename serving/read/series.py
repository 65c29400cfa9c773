"""What the readers read: three Silver tables, how they lie on disk, and in which order rows come."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from delta_tables.intervals import LONG_INTERVALS, is_year_partition, year_partition

# Where a row comes from is `lakehouse explain`'s to tell; a backtest would carry 100 bytes a row for it.
EXCLUDED_COLUMNS = ("payload_id", "position", "run_id", "partition_dt")


@dataclass(frozen=True)
class ReadableTable:
    """A Silver table as readers see it; a test holds the names equal to the declared table's.

    `partition` is the column that the files are parted by, `order` the order of a symbol's rows.
    `plain` are texts too varied to be kept as a dictionary. `slack` is how far the session of a row can
    lie from the UTC date of its timestamp.
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


# An FX week opens on Sunday, a futures session on the evening before.
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
    days: Iterable[date], interval: str | None, first: date | None, last: date | None
) -> tuple[date, ...]:
    """Those of the partitions that can hold rows of the sessions from `first` to `last`, both included.

    A partition is a session; for daily and longer bars it is the first day of the session's year.
    """
    if interval in LONG_INTERVALS:
        first = year_partition(first) if first else None
        days = (day for day in days if is_year_partition(day))
    return tuple(day for day in days if (not first or first <= day) and (not last or day <= last))
