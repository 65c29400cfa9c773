"""Minute bars computed from trades, and their differences from the vendor's bars.

A trade's conditions decide what it updates (jobs/silver/trade_conditions.py). Open and close follow the SIP
time, then the sequence number. A minute without a trade that updates open and close has no bar
(https://massive.com/knowledge-base/categories/trades).
"""

from dataclasses import dataclass
from decimal import Decimal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from delta_tables.tables.column_types import SIZE
from delta_tables.tables.gold_ticks import MEASURE, TRADE_BAR_DIFFERENCES

_MEASURES = ("open", "high", "low", "close", "volume")
BAR_KEYS = ("provider", "symbol", "trade_dt", "timestamp")


@dataclass(frozen=True)
class Tolerance:
    """The largest difference at which two bars agree: prices in currency, volume in shares."""

    price: Decimal = Decimal("0.0001")
    volume: Decimal = Decimal(1)


def minute_of(at: Column) -> Column:
    """The start of the minute that contains the instant."""
    return F.timestamp_seconds(F.floor(F.unix_timestamp(at) / 60) * 60)


def trade_minutes(trades_df: DataFrame) -> DataFrame:
    """One row per symbol and minute with a trade.

    Args:
        trades_df: silver.trades without cancelled ones (delta_tables.views.tick_views).

    Returns:
        provider, symbol, trade_dt, timestamp (start of the minute, UTC), session, open, high, low, close
        (quote currency), volume (shares), trade_count and is_simulated. open and close, or high and low, are
        null if no trade of the minute updates them.
    """
    in_order = [F.col(name) for name in ("sip_timestamp_ns", "sequence_number", "exchange", "trade_id")]
    price_at = F.when(F.col("updates_open_close"), F.struct(*in_order, F.col("price")))
    extreme = F.when(F.col("updates_high_low"), F.col("price"))
    traded = F.when(F.col("updates_volume"), F.col("size")).otherwise(F.lit(0).cast(SIZE))
    minute_df = trades_df.withColumn("timestamp", minute_of(F.col("timestamp")))
    return (
        minute_df.groupBy(*BAR_KEYS)
        .agg(
            F.min("session").alias("session"),
            F.min(price_at).alias("first_trade"),
            F.max(price_at).alias("last_trade"),
            F.max(extreme).alias("high"),
            F.min(extreme).alias("low"),
            F.sum(traded).cast(SIZE).alias("volume"),
            F.count(F.lit(1)).alias("trade_count"),
            F.max("is_simulated").alias("is_simulated"),
        )
        .withColumns({"open": F.col("first_trade.price"), "close": F.col("last_trade.price")})
        .drop("first_trade", "last_trade")
    )


def trade_bars(trades_df: DataFrame) -> DataFrame:
    """The minute bars of the trades: the rows of trade_minutes that have an open.

    `trades_df`: silver.trades without cancelled ones (delta_tables.views.tick_views).
    """
    return trade_minutes(trades_df).filter("open is not null")


def bar_differences(
    ours_df: DataFrame, vendor_df: DataFrame, run_id: str, tolerance: Tolerance | None = None
) -> DataFrame:
    """One row per minute and measure in which two bars differ: the columns of gold.trade_bar_differences.

    A bar that only one side has differs in every measure.

    Args:
        ours_df: trade_bars.
        vendor_df: provider, symbol, trade_dt, timestamp, open, high, low, close, volume and is_simulated, of
            the same symbols and sessions.
        run_id: written into the rows.
        tolerance: the largest difference that counts as equal.
    """
    prefixed = [
        frame_df.select(
            *BAR_KEYS,
            *(F.col(name).cast(MEASURE).alias(f"{side}_{name}") for name in _MEASURES),
            F.col("is_simulated").alias(f"{side}_is_simulated"),
        )
        for side, frame_df in (("ours", ours_df), ("vendor", vendor_df))
    ]
    both_df = prefixed[0].join(prefixed[1], list(BAR_KEYS), "full")
    measure_df = both_df.withColumn("measure", F.explode(F.array(*(F.lit(name) for name in _MEASURES))))
    simulated = [F.coalesce(f"{side}_is_simulated", F.lit(False)) for side in ("ours", "vendor")]
    compared_df = measure_df.select(
        *BAR_KEYS,
        "measure",
        _of_measure("ours").alias("from_trades"),
        _of_measure("vendor").alias("from_vendor"),
        (simulated[0] | simulated[1]).alias("is_simulated"),
        F.lit(run_id).alias("run_id"),
    ).filter("not (from_trades <=> from_vendor)")
    return TRADE_BAR_DIFFERENCES.conform(_with_difference(compared_df, tolerance or Tolerance()))


def _of_measure(side: str) -> Column:
    """The side's value of the row's measure. A struct would carry comments, which Sail cannot cast."""
    value = F.lit(None).cast(MEASURE)
    for name in _MEASURES:
        value = F.when(F.col("measure") == name, F.col(f"{side}_{name}")).otherwise(value)
    return value


def _with_difference(compared_df: DataFrame, tolerance: Tolerance) -> DataFrame:
    difference = (F.col("from_trades") - F.col("from_vendor")).cast(MEASURE)
    limit = F.when(F.col("measure") == "volume", F.lit(tolerance.volume)).otherwise(F.lit(tolerance.price))
    return compared_df.withColumn("difference", difference).withColumn(
        "is_within", F.coalesce(F.abs("difference") <= limit, F.lit(False))
    )
