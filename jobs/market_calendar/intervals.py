"""Bar intervals as Spark columns; their names and lengths are in delta_tables.intervals."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from delta_tables.intervals import INTERVAL_MINUTES, LONG_INTERVALS


def interval_minutes(interval: Column) -> Column:
    """The length in minutes (integer) of an interval such as `5min`; null for an unknown interval."""
    pairs = [F.lit(part) for pair in INTERVAL_MINUTES.items() for part in pair]
    return F.element_at(F.create_map(*pairs), interval)


def partition_dt(interval: Column, trade_dt: Column) -> Column:
    """The partition of a bar (date): its session date, for daily and longer bars the first of its year."""
    is_long = interval.isin(*LONG_INTERVALS)
    return F.when(is_long, F.trunc(trade_dt, "year")).otherwise(trade_dt)
