"""The daily history in plain PySpark and delta-spark: one merge a table, no gates, no history."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from benchmarks.peers.daily_columns import ANSWER, BARS, KPIS, OVERVIEW, SIGNALS
from benchmarks.peers.plain_spark import merge
from benchmarks.peers.sessions import new_york_sessions

_BAR = "map<string, string>"
_PRICES = ("open", "high", "low", "close")
_KEYS = {BARS: ("symbol", "timestamp"), SIGNALS: ("symbol", "trade_dt", "signal")}
_DAY = ("symbol", "trade_dt")


def load(spark: SparkSession, inputs: Path, folder: Path) -> None:
    """Payloads to four Delta tables."""
    sessions = new_york_sessions().to_pandas()
    sessions_df = F.broadcast(spark.createDataFrame(sessions).withColumn("trade_dt", F.to_date("trade_dt")))
    payloads_df = spark.read.format("delta").load(str(inputs / "lake/bronze/raw_payloads"))
    publish(spark, folder, BARS, usable_bars(payloads_df, sessions_df))
    bars_df = spark.read.format("delta").load(str(folder / BARS))
    days_df = with_figures(bars_df.join(sessions_df, "trade_dt")).cache()
    publish(spark, folder, KPIS, days_df.select(*ANSWER[KPIS]))
    publish(spark, folder, SIGNALS, signals_of(days_df))
    signals_df = spark.read.format("delta").load(str(folder / SIGNALS))
    publish(spark, folder, OVERVIEW, overview_of(days_df, signals_df))
    days_df.unpersist()


def publish(spark: SparkSession, folder: Path, name: str, frame_df: DataFrame) -> None:
    """Merges the rows into a table partitioned by year, made where it is not there."""
    path = str(folder / name)
    dated_df = frame_df.withColumn("partition_dt", F.trunc("trade_dt", "year"))
    dated_df.limit(0).write.format("delta").partitionBy("partition_dt").mode("ignore").save(path)
    dated_df.createOrReplaceTempView("batch")
    merge(spark, path, "batch", _KEYS.get(name, _DAY))


def usable_bars(payloads_df: DataFrame, sessions_df: DataFrame) -> DataFrame:
    """Typed bars of sessions whose prices are in order."""
    body = F.from_json(F.col("body").cast("string"), f"struct<`Time Series (Daily)`: map<string, {_BAR}>>")
    texts_df = payloads_df.select(
        "symbol", "payload_id", F.explode(body["Time Series (Daily)"]).alias("day", "bar")
    )
    typed_df = texts_df.select(
        *("symbol", "payload_id"),
        F.to_date("day").alias("trade_dt"),
        F.to_utc_timestamp(F.to_timestamp("day"), "America/New_York").alias("timestamp"),
        F.lit("regular").alias("session"),
        *(
            F.col("bar")[f"{n}. {name}"].cast("decimal(24,12)").alias(name)
            for n, name in enumerate(_PRICES, 1)
        ),
        F.col("bar")["5. volume"].cast("decimal(28,8)").alias("volume"),
    )
    is_usable = (
        (F.col("low") > 0)
        & (F.col("high") >= F.greatest("open", "low", "close"))
        & (F.col("low") <= F.least("open", "high", "close"))
    )
    good_df = typed_df.filter(is_usable).join(sessions_df.select("trade_dt"), "trade_dt", "left_semi")
    return good_df.dropDuplicates(["symbol", "timestamp"])


def with_figures(days_df: DataFrame) -> DataFrame:
    """The key figures and the windows over a symbol's sessions."""
    series = Window.partitionBy("symbol").orderBy("session_no")
    is_near = F.col("session_no") - F.lag("session_no").over(series) <= 20
    month, week, earlier = (series.rangeBetween(*span) for span in ((-19, 0), (-6, 0), (-20, -1)))
    numbers_df = days_df.withColumns({name: F.col(name).cast("double") for name in (*_PRICES, "volume")})
    typical = F.round((F.col("high") + F.col("low") + F.col("close")) / 3, 6)
    changed_df = (
        numbers_df.withColumn("average_price", typical)
        .withColumn("vwap", F.when(F.col("volume") > 0, typical))
        .withColumn("before", F.when(is_near, F.lag("close").over(series)))
        .withColumn("price_change", F.round(F.col("close") - F.col("before"), 6))
        .withColumn(
            "price_change_pct", F.round((F.col("close") - F.col("before")) * 100 / F.col("before"), 6)
        )
        .withColumn("full_volume", F.when(~F.col("is_half_day"), F.col("volume")))
    )
    count = F.count("price_change_pct").over(month)
    yearly = F.round(F.stddev_samp("price_change_pct").over(month) * F.sqrt(F.lit(252.0)), 6)
    mean = F.avg("full_volume").over(earlier)
    spike = F.round((F.col("volume") / F.when(mean > 0, mean) - 1) * 100, 6)
    return (
        changed_df.withColumn("7d_avg", F.round(F.avg("close").over(week), 6))
        .withColumn("volatility_score", F.when(count >= 5, yearly))
        .withColumn("volume_spike_pct", F.when(~F.col("is_half_day"), spike))
    )


def signals_of(days_df: DataFrame) -> DataFrame:
    """Both signals' verdicts, with their reasons; nothing is known of earnings."""
    spike = F.col("volume_spike_pct")
    words = F.format_string("%.1f", F.abs(spike))
    side = F.when(spike < 0, "% below").otherwise("% above")
    reason = (
        F.when(F.col("is_half_day"), "half day: volume is not compared")
        .when(spike.isNull(), "no full session before to compare with")
        .otherwise(F.concat(F.lit("volume is "), words, side, F.lit(" the mean of the last 20 sessions")))
    )
    volume_df = days_df.select(
        *_DAY,
        F.lit("Volume Spike % Alert").alias("signal"),
        spike.alias("value"),
        F.lit(100.0).alias("threshold"),
        F.coalesce(spike >= 100, F.lit(False)).alias("is_triggered"),
        reason.alias("reason"),
    )
    earnings_df = days_df.select(
        *_DAY,
        F.lit("P/E Ratio Alert").alias("signal"),
        F.lit(None).cast("double").alias("value"),
        F.lit(40.0).alias("threshold"),
        F.lit(False).alias("is_triggered"),
        F.lit("no earnings were known at the session's end").alias("reason"),
    )
    return volume_df.unionByName(earnings_df)


def overview_of(days_df: DataFrame, signals_df: DataFrame) -> DataFrame:
    """The wide rows."""
    names = F.concat_ws(", ", F.sort_array(F.collect_list("signal"))).alias("triggered_signals")
    named_df = signals_df.filter("is_triggered").groupBy(*_DAY).agg(names)
    wide_df = days_df.join(named_df, list(_DAY), "left")
    return wide_df.withColumn("triggered_signals", F.coalesce("triggered_signals", F.lit(""))).select(
        *ANSWER[OVERVIEW]
    )


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """The tables that all contestants have."""
    return {name: pl.read_delta(str(folder / name)).select(ANSWER[name]).to_arrow() for name in ANSWER}
