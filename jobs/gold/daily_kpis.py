"""Gold daily_kpis: a session's key figures from its bars."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from delta_tables.intervals import DAILY
from delta_tables.tables.column_types import PRICE, SIZE
from delta_tables.views.adjustment_factors import basis_dt_sql
from jobs.gold.split_adjustment import LOG_SPLIT_FACTOR, adjusted_price
from jobs.market_calendar.intervals import interval_minutes

DAY_KEYS = ("symbol", "trade_dt", "interval", "provider")
_EXACT = "decimal(38,12)"


def session_kpis(bars_df: DataFrame, sessions_df: DataFrame) -> DataFrame:
    """One row a symbol, session, interval and provider: OHLC, volume, averages and bar counts.

    The values are the bars' own, adjusted for nothing; basis_dt is the day whose shares they count.
    `bars_df`: current rows of silver.bars. Only bars of the regular session count (all of a market that
    never closes). Typical price = (high + low + close) / 3; average_price is its mean over the bars,
    vwap = sum(typical x volume) / sum(volume), which of one daily bar is its typical price
    (https://www.investopedia.com/terms/v/vwap.asp). expected_bars = session length / interval.
    """
    regular_df = bars_df.filter(F.col("session").isin("regular", "24x7"))
    # three times the typical price; decimals narrow enough that no engine cuts the product's scale
    typical = (F.col("high") + F.col("low") + F.col("close")).cast("decimal(18,6)")
    volume = F.col("volume").cast("decimal(19,6)")
    sums_df = regular_df.groupBy(*DAY_KEYS, "asset_class", "calendar").agg(
        F.min_by("open", "timestamp").alias("open"),
        F.max_by("close", "timestamp").alias("close"),
        F.max("high").alias("high"),
        F.min("low").alias("low"),
        F.sum("volume").cast(SIZE).alias("volume"),
        F.sum(typical).cast(_EXACT).alias("typical_sum"),
        F.sum((typical * volume).cast(_EXACT)).cast(_EXACT).alias("traded_sum"),
        F.count(F.lit(1)).alias("bar_count"),
        F.max("is_simulated").alias("is_simulated"),
        F.max(F.expr(basis_dt_sql())).alias("basis_dt"),
    )
    joined_df = sums_df.join(F.broadcast(sessions_df), ["calendar", "trade_dt"])
    return joined_df.select(
        *DAY_KEYS,
        "asset_class",
        "calendar",
        "session_no",
        "is_half_day",
        "day_end_at",
        *("open", "high", "low", "close"),
        ratio(F.col("typical_sum"), F.col("bar_count") * 3).alias("average_price"),
        ratio(F.col("traded_sum"), F.col("volume") * 3).alias("vwap"),
        "volume",
        "bar_count",
        _expected_bars().alias("expected_bars"),
        "basis_dt",
        "is_simulated",
    )


def with_price_change(days_df: DataFrame, lookback_sessions: int) -> DataFrame:
    """Adds price_change and price_change_pct against the last session before that has a row.

    It is looked for in the `lookback_sessions` before; null where there is none. Its close is put into
    this session's shares by the splits in between, so a split is no change; dividends are one.

    `days_df`: session_kpis with SPLIT_LOG.
    """
    series = Window.partitionBy("symbol", "interval", "provider").orderBy("session_no")
    is_near = F.col("session_no") - F.lag("session_no").over(series) <= lookback_sessions
    near_df = days_df.withColumn("near_close", F.when(is_near, F.lag("close").over(series))).withColumn(
        "log_since", F.col(LOG_SPLIT_FACTOR) - F.lag(LOG_SPLIT_FACTOR).over(series)
    )
    before_df = near_df.withColumn("before", adjusted_price("near_close", "log_since"))
    change = F.col("close") - F.col("before")
    return (
        before_df.withColumn("price_change", change.cast(PRICE))
        .withColumn("price_change_pct", ratio(change * 100, F.col("before")))
        .drop("near_close", "log_since", "before")
    )


def ratio(numerator: Column, denominator: Column) -> Column:
    """numerator / denominator as a price, half up at six decimals; null where the denominator is 0.

    Sums are kept as exact decimals and divided once, in double: the result does not depend on the order
    of the rows.
    """
    return half_up(numerator.cast("double") / F.when(denominator != 0, denominator).cast("double"))


def half_up(value: Column) -> Column:
    """A double as a price, half up at six decimals, by the same arithmetic on every engine.

    round(double) is not: of 0.0640625 the embedded engine makes 0.064062 and Apache Spark 0.064063.
    """
    millionths = F.floor(value * F.lit(1e6) + F.lit(0.5)).cast("decimal(24,0)")
    return (millionths * F.lit("0.000001").cast("decimal(7,6)")).cast(PRICE)


def _expected_bars() -> Column:
    minutes = (F.unix_timestamp("close_at") - F.unix_timestamp("open_at")) / 60
    by_clock = F.ceil(minutes / interval_minutes(F.col("interval"))).cast("bigint")
    return F.when(F.col("interval") == DAILY, F.lit(1).cast("bigint")).otherwise(by_clock)
