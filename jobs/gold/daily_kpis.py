"""Gold daily_kpis: key figures of sessions, computed from their bars."""

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
    """One row per symbol, session, interval and provider: prices, volume, averages and bar counts.

    Only bars of the regular session count (all bars of a market that never closes). Prices and volume are not
    adjusted. Typical price = (high + low + close) / 3; average_price is its mean over the bars; vwap =
    sum(typical price x volume) / sum(volume), which for one daily bar is its typical price
    (https://www.investopedia.com/terms/v/vwap.asp). expected_bars = length of the session / interval.

    Args:
        bars_df: current rows of silver.bars.
        sessions_df: sessions of the bars' calendars (market_calendar.sessions.sessions_frame).

    Returns:
        symbol, trade_dt, interval, provider, asset_class, calendar, session_no, is_half_day, day_end_at
        (UTC), open, high, low, close, average_price, vwap (quote currency), volume (units), bar_count,
        expected_bars, basis_dt (date whose share count the prices are stated in) and is_simulated.
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
    """The days with their change of price against the last earlier session of the series that has a row.

    Only the `lookback_sessions` before are considered; the change is null if none has a row. The earlier
    close is adjusted for the splits in between, so a split is not a change; a dividend is.

    Args:
        days_df: session_kpis with log_split_factor (split_adjustment.with_log_split_factor).
        lookback_sessions: number of sessions.

    Returns:
        All columns, price_change (quote currency) and price_change_pct (%).
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
    """numerator / denominator as a price, half up at six decimals; null if the denominator is 0.

    Sums are exact decimals, divided once in double, so the result does not depend on the order of the rows.
    """
    return half_up(numerator.cast("double") / F.when(denominator != 0, denominator).cast("double"))


def half_up(value: Column) -> Column:
    """A double as a price, half up at six decimals, by the same arithmetic on every engine.

    round(double) differs: the embedded engine rounds 0.0640625 to 0.064062, Apache Spark to 0.064063.
    """
    millionths = F.floor(value * F.lit(1e6) + F.lit(0.5)).cast("decimal(24,0)")
    return (millionths * F.lit("0.000001").cast("decimal(7,6)")).cast(PRICE)


def _expected_bars() -> Column:
    minutes = (F.unix_timestamp("close_at") - F.unix_timestamp("open_at")) / 60
    by_clock = F.ceil(minutes / interval_minutes(F.col("interval"))).cast("bigint")
    return F.when(F.col("interval") == DAILY, F.lit(1).cast("bigint")).otherwise(by_clock)
