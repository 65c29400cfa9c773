"""Gold tick_features: spread, mid price, volume and return per minute, from trades and quotes."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from delta_tables.tables.column_types import PRICE, SIZE
from delta_tables.tables.gold_ticks import TICK_FEATURES
from jobs.gold.daily_kpis import ratio
from jobs.gold.trade_bars import BAR_KEYS, minute_of, trade_minutes

AVERAGE_MINUTES = 20
_MID = TICK_FEATURES.schema["mid_price"].dataType


def tick_features(trades_df: DataFrame, quotes_df: DataFrame, run_id: str) -> DataFrame:
    """One row per symbol and minute: the columns of gold.tick_features.

    Returns compare the close of a minute with the last earlier close of the same session date; the first
    close has none. log_return is rounded to 12 places, so that every engine gives the same figures.

    Args:
        trades_df: current rows of silver.trades without cancelled ones (delta_tables.views.tick_views), whole
            sessions.
        quotes_df: current rows of silver.quotes of the same sessions, whole sessions.
        run_id: written into the rows.
    """
    minutes_df = trade_minutes(trades_df).select(
        *BAR_KEYS, "session", "close", "volume", "trade_count", "is_simulated"
    )
    both_df = _joined(minutes_df, _quote_minutes(quotes_df))
    volume_df = _with_volume_average(both_df)
    return TICK_FEATURES.conform(_with_returns(volume_df).withColumn("run_id", F.lit(run_id)))


def _quote_minutes(quotes_df: DataFrame) -> DataFrame:
    in_order = [F.col(name) for name in ("sip_timestamp_ns", "sequence_number", "tape")]
    sides = F.when(~F.col("is_one_sided"), F.struct(*in_order, F.col("bid_price"), F.col("ask_price")))
    minute_df = quotes_df.withColumn("timestamp", minute_of(F.col("timestamp")))
    last_df = minute_df.groupBy(*BAR_KEYS).agg(
        F.min("session").alias("q_session"),
        F.max(sides).alias("last_quote"),
        F.count(F.lit(1)).alias("quote_count"),
        F.max("is_simulated").alias("q_is_simulated"),
    )
    bid, ask = F.col("last_quote.bid_price"), F.col("last_quote.ask_price")
    total = (bid + ask).cast("decimal(19,6)")
    return last_df.withColumns(
        {
            "spread": (ask - bid).cast(PRICE),
            "mid_price": (total * F.lit("0.5").cast("decimal(2,1)")).cast(_MID),
            "spread_pct": ratio((ask - bid) * 200, total),
        }
    ).drop("last_quote")


def _joined(minutes_df: DataFrame, quotes_df: DataFrame) -> DataFrame:
    joined_df = minutes_df.join(quotes_df, list(BAR_KEYS), "full")
    none = F.lit(0).cast("bigint")
    simulated = [F.coalesce(name, F.lit(False)) for name in ("is_simulated", "q_is_simulated")]
    return joined_df.select(
        *BAR_KEYS,
        F.coalesce("session", "q_session").alias("session"),
        *("spread", "spread_pct", "mid_price", "close"),
        F.coalesce("volume", F.lit(0).cast(SIZE)).alias("volume"),
        F.coalesce("quote_count", none).alias("quote_count"),
        F.coalesce("trade_count", none).alias("trade_count"),
        (simulated[0] | simulated[1]).alias("is_simulated"),
    )


def _with_volume_average(minutes_df: DataFrame) -> DataFrame:
    """Adds volume_avg_20 and volume_ratio_20 over the last 20 minutes of the clock.

    A minute without a tick has no row and counts as a volume of 0.
    """
    numbered_df = minutes_df.withColumn(
        "minute_no", F.floor(F.unix_timestamp("timestamp") / 60).cast("bigint")
    )
    day = Window.partitionBy("provider", "symbol", "trade_dt")
    before = day.orderBy("minute_no").rangeBetween(-AVERAGE_MINUTES, -1)
    has_history = F.col("minute_no") - F.min("minute_no").over(day) >= AVERAGE_MINUTES
    total = F.coalesce(F.sum("volume").over(before), F.lit(0).cast(SIZE))
    average_df = numbered_df.withColumn("volume_before", F.when(has_history, total))
    return average_df.withColumns(
        {
            "volume_avg_20": ratio(F.col("volume_before"), F.lit(AVERAGE_MINUTES)),
            "volume_ratio_20": ratio(F.col("volume") * AVERAGE_MINUTES, F.col("volume_before")),
        }
    ).drop("minute_no", "volume_before")


def _with_returns(minutes_df: DataFrame) -> DataFrame:
    earlier = (
        Window.partitionBy("provider", "symbol", "trade_dt")
        .orderBy("timestamp")
        .rowsBetween(Window.unboundedPreceding, -1)
    )
    before = F.last("close", ignorenulls=True).over(earlier)
    growth_df = minutes_df.withColumn("growth", F.col("close").cast("double") / before.cast("double"))
    return growth_df.withColumns(
        {"return": F.col("growth") - 1.0, "log_return": _rounded(F.log("growth"))}
    ).drop("growth")


def _rounded(value: Column) -> Column:
    return F.floor(value * F.lit(1e12) + F.lit(0.5)).cast("double") / F.lit(1e12)
