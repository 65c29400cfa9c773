"""A day's ticks in plain PySpark and delta-spark: one merge a table, no gates, no history."""

from datetime import datetime, time
from functools import reduce
from operator import or_
from pathlib import Path

import polars as pl
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from benchmarks.peers.plain_spark import merge
from benchmarks.peers.sessions import new_york_sessions
from benchmarks.peers.tick_day_columns import (
    CANCELLED,
    COUNTS,
    DAY,
    EXTENDED_HOURS,
    FEATURES,
    MARKS,
    MINUTES,
    NEW_YORK,
    NOT_HAPPENED,
    QUOTE_KEYS,
    QUOTES,
    TRADE_KEYS,
    TRADES,
)

_MINUTE = ("symbol", "trade_dt", "timestamp")
_TIMES = ("participant_timestamp", "sip_timestamp", "trf_timestamp", "sequence_number")


def load(spark: SparkSession, inputs: Path, folder: Path) -> None:
    """Files to three Delta tables partitioned by day."""
    landing = inputs / "lake/landing"
    phase = session_of(new_york_sessions().filter(pl.col("trade_dt") == DAY))
    for name, usable, keys in (
        ("trades", usable_trades, TRADE_KEYS),
        ("quotes", usable_quotes, QUOTE_KEYS),
    ):
        rows_df = spark.read.option("header", "true").csv(str(landing / f"{name}_v1.csv.gz"))
        publish(spark, folder / name, usable(ticks(rows_df, phase)), keys)
    trades_df, quotes_df = (
        spark.read.format("delta").load(str(folder / name)) for name in ("trades", "quotes")
    )
    features_df = features(minutes_of_trades(trades_df), minutes_of_quotes(quotes_df))
    publish(spark, folder / "tick_features", features_df, _MINUTE)


def publish(spark: SparkSession, path: Path, rows_df: DataFrame, keys: tuple[str, ...]) -> None:
    """Merges the rows into a table partitioned by day, made where it is not there."""
    rows_df.limit(0).write.format("delta").partitionBy("trade_dt").save(str(path))
    rows_df.createOrReplaceTempView("batch")
    merge(spark, str(path), "batch", keys)


def session_of(sessions: pl.DataFrame) -> Column:
    """The part of the session in which a tick's SIP time lies."""
    opened, closed = sessions.select(pl.col("opened", "closed").dt.epoch("ns")).row(0)
    first, end = (
        int(datetime.combine(DAY, time(hour), NEW_YORK).timestamp()) * 1_000_000_000
        for hour in EXTENDED_HOURS
    )
    at = F.col("sip_timestamp")
    phase = F.when(at < first, "closed").when(at < opened, "pre").when(at < closed, "regular")
    return phase.when(at < end, "post").otherwise("closed")


def ticks(rows_df: DataFrame, phase: Column) -> DataFrame:
    """The rows with what trades and quotes share."""
    typed_df = rows_df.withColumns(
        {
            **{name: F.col(name).cast("bigint") for name in _TIMES},
            "tape": F.col("tape").cast("int"),
        }
    )
    earlier = (
        Window.partitionBy("ticker")
        .orderBy("sequence_number", "sip_timestamp")
        .rowsBetween(Window.unboundedPreceding, -1)
    )
    latest = F.max("sip_timestamp").over(earlier)
    return typed_df.withColumns(
        {
            "symbol": F.col("ticker"),
            "trade_dt": F.lit(DAY),
            "timestamp": F.timestamp_micros(F.expr("sip_timestamp div 1000")),
            "sip_timestamp_ns": F.col("sip_timestamp"),
            "participant_timestamp_ns": F.col("participant_timestamp"),
            "trf_timestamp_ns": F.when(F.col("trf_timestamp") != 0, F.col("trf_timestamp")),
            "session": phase,
            "is_out_of_order": F.coalesce(F.col("sip_timestamp") < latest, F.lit(False)),
        }
    )


def usable_trades(ticks_df: DataFrame) -> DataFrame:
    """Typed trades with a price and a size, once each."""
    typed_df = ticks_df.withColumns(
        {
            **{name: F.col(name).cast("int") for name in ("correction", "exchange", "trf_id")},
            "trade_id": F.col("id"),
            "price": F.col("price").cast("decimal(18,6)"),
            "size": F.col("size").cast("decimal(20,6)"),
        }
    )
    marked_df = typed_df.withColumns(
        {
            "is_cancelled": F.col("correction").isin(*CANCELLED),
            **{name: _has(pattern) for name, pattern in MARKS.items()},
            **{name: ~reduce(or_, map(_has, patterns)) for name, patterns in COUNTS.items()},
        }
    )
    good_df = marked_df.filter((F.col("price") > 0) & (F.col("size") >= 0))
    return good_df.dropDuplicates(list(TRADE_KEYS)).select(*TRADES)


def _has(pattern: str) -> Column:
    return F.coalesce(F.col("conditions").rlike(pattern), F.lit(False))


def usable_quotes(ticks_df: DataFrame) -> DataFrame:
    """Typed quotes, once each; a price of 0 is none."""
    kinds = {"price": "decimal(18,6)", "size": "decimal(20,6)", "exchange": "int"}
    typed_df = ticks_df.withColumns(
        {
            f"{side}_{name}": F.col(f"{side}_{name}").cast(kind)
            for side in ("bid", "ask")
            for name, kind in kinds.items()
        }
    )
    bid, ask = F.col("bid_price"), F.col("ask_price")
    good_df = typed_df.filter(F.least("bid_price", "ask_price", "bid_size", "ask_size") >= 0)
    priced_df = good_df.withColumns(
        {
            "bid_price": F.when(bid != 0, bid),
            "ask_price": F.when(ask != 0, ask),
            "size_unit": F.lit("round_lot"),
        }
    )
    marked_df = priced_df.withColumns(
        {
            "is_one_sided": bid.isNull() | ask.isNull(),
            "is_crossed": F.coalesce(bid > ask, F.lit(False)),
            "is_locked": F.coalesce(bid == ask, F.lit(False)),
        }
    )
    return marked_df.dropDuplicates(list(QUOTE_KEYS)).select(*QUOTES)


def minutes_of_trades(trades_df: DataFrame) -> DataFrame:
    """A row a symbol and minute with a trade that happened."""
    place = F.struct("sip_timestamp_ns", "sequence_number")
    is_close, is_volume = F.col("updates_open_close"), F.col("updates_volume")
    happened_df = trades_df.filter(~F.col("correction").isin(*NOT_HAPPENED))
    minute_df = happened_df.withColumn("timestamp", F.date_trunc("minute", "timestamp"))
    return minute_df.groupBy(*_MINUTE).agg(
        F.min("session").alias("session"),
        F.max_by(F.col("price"), F.when(is_close, place)).cast("double").alias("close"),
        F.coalesce(F.sum(F.when(is_volume, F.col("size"))), F.lit(0)).cast("double").alias("volume"),
        F.count(F.lit(1)).alias("trade_count"),
    )


def minutes_of_quotes(quotes_df: DataFrame) -> DataFrame:
    """A row a symbol and minute with a quote: the last of two sides."""
    place = F.when(~F.col("is_one_sided"), F.struct("sip_timestamp_ns", "sequence_number"))
    minute_df = quotes_df.withColumn("timestamp", F.date_trunc("minute", "timestamp"))
    last_df = minute_df.groupBy(*_MINUTE).agg(
        F.min("session").alias("quote_session"),
        F.max_by("bid_price", place).cast("double").alias("bid"),
        F.max_by("ask_price", place).cast("double").alias("ask"),
        F.count(F.lit(1)).alias("quote_count"),
    )
    bid, ask = F.col("bid"), F.col("ask")
    return last_df.withColumns(
        {
            "spread": F.round(ask - bid, 6),
            "mid_price": F.round((bid + ask) / 2, 7),
            "spread_pct": F.round((ask - bid) * 200 / (bid + ask), 6),
        }
    )


def features(trade_minutes_df: DataFrame, quote_minutes_df: DataFrame) -> DataFrame:
    """Each minute's figures; a minute without a tick counts as a volume of 0."""
    none = F.lit(0)
    both_df = trade_minutes_df.join(quote_minutes_df, list(_MINUTE), "full").withColumns(
        {
            "session": F.coalesce("session", "quote_session"),
            **{name: F.coalesce(name, none) for name in ("volume", "quote_count", "trade_count")},
            "minute_no": F.floor(F.unix_timestamp("timestamp") / 60),
        }
    )
    day = Window.partitionBy("symbol")
    in_order = day.orderBy("minute_no")
    has_history = F.col("minute_no") - F.min("minute_no").over(day) >= MINUTES
    total = F.coalesce(F.sum("volume").over(in_order.rangeBetween(-MINUTES, -1)), none)
    close_before = F.last("close", ignorenulls=True).over(in_order.rowsBetween(Window.unboundedPreceding, -1))
    back_df = both_df.withColumn("before", F.when(has_history, total)).withColumn(
        "growth", F.col("close") / close_before
    )
    ratio = F.col("volume") * MINUTES / F.when(F.col("before") != 0, F.col("before"))
    return back_df.withColumns(
        {
            "volume_avg_20": F.round(F.col("before") / MINUTES, 6),
            "volume_ratio_20": F.round(ratio, 6),
            "return": F.col("growth") - 1,
            "log_return": F.round(F.log("growth"), 12),
        }
    ).select(*FEATURES)
