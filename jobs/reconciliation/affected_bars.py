"""Which bars to compare again, found from the bars and the splits that changed."""

from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from delta_tables.intervals import DAILY
from jobs.gold.session_rows import bars_condition

SERIES = ("symbol", "interval")
KEYS = (*SERIES, "trade_dt")


def affected_keys(changed_bars_df: DataFrame, longest_gap_days: int) -> DataFrame:
    """KEYS of the sessions whose comparison can change with these bars.

    Whether a daily bar is missing depends on those before and after it.
    """
    keys_df = changed_bars_df.select(*KEYS).distinct()
    is_daily = F.col("interval") == DAILY
    reach = F.when(is_daily, F.lit(longest_gap_days)).otherwise(F.lit(0))
    around = F.sequence(F.date_sub("trade_dt", reach), F.date_add("trade_dt", reach))
    return keys_df.withColumn("trade_dt", F.explode(around)).distinct()


def split_affected_keys(bars_df: DataFrame, changed_splits_df: DataFrame) -> DataFrame:
    """KEYS of the sessions before a split that changed, of symbols with adjusted bars."""
    until_df = changed_splits_df.groupBy("symbol").agg(F.max("ex_dt").alias("until_dt"))
    adjusted_df = bars_df.filter("adjustment = 'split'").select("symbol").distinct()
    concerned_df = until_df.join(adjusted_df, "symbol", "left_semi")
    return (
        bars_df.join(F.broadcast(concerned_df), "symbol")
        .filter("trade_dt < until_dt")
        .select(*KEYS)
        .distinct()
    )


def shared_series(bars_df: DataFrame) -> DataFrame:
    """SERIES that more than one provider has bars of: only these can be compared."""
    providers = [F.min("provider").alias("least"), F.max("provider").alias("greatest")]
    return bars_df.groupBy(*SERIES).agg(*providers).filter("least <> greatest").select(*SERIES)


def bars_around(start: date, end: date, longest_gap_days: int) -> str:
    """The condition, with literal dates, for the bars that the sessions from `start` to `end` depend on."""
    reach = timedelta(days=longest_gap_days)
    return bars_condition(start - reach, end + reach)
