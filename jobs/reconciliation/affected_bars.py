"""The bars to compare again, found from the bars and the splits that changed."""

from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from delta_tables.intervals import DAILY
from jobs.gold.session_rows import bars_condition

SERIES = ("symbol", "interval")
KEYS = (*SERIES, "trade_dt")


def affected_keys(changed_bars_df: DataFrame, longest_gap_days: int) -> DataFrame:
    """One row per session whose comparison can change: symbol, interval and trade_dt.

    Whether a daily bar is missing depends on the daily bars before and after it.

    `changed_bars_df`: symbol, interval and trade_dt of the changed bars.
    """
    keys_df = changed_bars_df.select(*KEYS).distinct()
    is_daily = F.col("interval") == DAILY
    reach = F.when(is_daily, F.lit(longest_gap_days)).otherwise(F.lit(0))
    around = F.sequence(F.date_sub("trade_dt", reach), F.date_add("trade_dt", reach))
    return keys_df.withColumn("trade_dt", F.explode(around)).distinct()


def split_affected_keys(bars_df: DataFrame, changed_splits_df: DataFrame) -> DataFrame:
    """One row per session before a changed split of a symbol with adjusted bars: symbol, interval, trade_dt.

    Args:
        bars_df: symbol, interval, trade_dt and adjustment of silver.bars.
        changed_splits_df: symbol and ex_dt.
    """
    until_df = changed_splits_df.groupBy("symbol").agg(F.max("ex_dt").alias("until_dt"))
    adjusted_df = bars_df.filter("adjustment = 'split'").select("symbol").distinct()
    split_symbols_df = until_df.join(adjusted_df, "symbol", "left_semi")
    return (
        bars_df.join(F.broadcast(split_symbols_df), "symbol")
        .filter("trade_dt < until_dt")
        .select(*KEYS)
        .distinct()
    )


def shared_series(bars_df: DataFrame) -> DataFrame:
    """One row per series that several providers have bars of, which can be compared: symbol and interval.

    `bars_df`: symbol, interval and provider.
    """
    providers = [F.min("provider").alias("first"), F.max("provider").alias("last")]
    return bars_df.groupBy(*SERIES).agg(*providers).filter("first <> last").select(*SERIES)


def bars_around(start: date, end: date, longest_gap_days: int) -> str:
    """The SQL condition, with literal dates, for the bars on which sessions from `start` to `end` depend."""
    reach = timedelta(days=longest_gap_days)
    return bars_condition(start - reach, end + reach)
