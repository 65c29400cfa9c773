"""Bar intervals: their names and lengths."""

from pyspark.sql import Column
from pyspark.sql import functions as F

DAILY = "1day"
MINUTES = {"1min": 1, "5min": 5, "15min": 15, "30min": 30, "60min": 60, "4hour": 240}
LONG = (DAILY, "4day")  # not parts of a session
MINUTES |= dict(zip(LONG, (1440, 5760), strict=True))


def interval_minutes(interval: Column) -> Column:
    """The interval's length in minutes."""
    pairs = [F.lit(part) for pair in MINUTES.items() for part in pair]
    return F.element_at(F.create_map(*pairs), interval)


def partition_dt(interval: Column, trade_dt: Column) -> Column:
    """The partition of a bar: its session, for daily and longer bars the first day of its year.

    A day of intraday bars fills a file; a day of daily bars would be hundreds of tiny ones.
    """
    is_long = interval.isin(*LONG)
    return F.when(is_long, F.trunc(trade_dt, "year")).otherwise(trade_dt)
