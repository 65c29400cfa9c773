"""A tick in plain PySpark and delta-spark: one merge a table, of all that came; no gates, no history."""

from datetime import timedelta
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from benchmarks.peers.intraday_spark import typed_bars
from benchmarks.peers.plain_spark import merge
from benchmarks.peers.sessions import new_york_sessions
from benchmarks.peers.tick_columns import (
    BAR_CONSTANTS,
    BAR_KEYS,
    BARS,
    DAY_CONSTANTS,
    KPI_KEYS,
    KPIS,
    MINUTES,
    WINDOW,
)

_LANDED = "symbol string, payload_id string, fetched_at timestamp, body string"
_DAY = ("symbol", "trade_dt")


def load(spark: SparkSession, inputs: Path, folder: Path) -> None:
    """The answers of a tick into bars and daily_kpis."""
    lake = folder / "lake"
    sessions_df = spark.createDataFrame(new_york_sessions().to_pandas())
    sessions_df = F.broadcast(sessions_df.withColumn("trade_dt", F.to_date("trade_dt")))
    landed_df = spark.read.schema(_LANDED).option("multiLine", "true").json(str(inputs / "tick.json"))
    bars_df = bars_of(landed_df, sessions_df).cache()
    publish(spark, lake / BARS, bars_df, BAR_KEYS)
    figures_df = key_figures(spark, lake, bars_df.select(*_DAY).distinct(), sessions_df)
    publish(spark, lake / KPIS, figures_df, KPI_KEYS)
    bars_df.unpersist()


def publish(spark: SparkSession, path: Path, rows_df: DataFrame, keys: tuple[str, ...]) -> None:
    """Merges the rows into the table, within the partitions that they are of."""
    target_df = spark.read.format("delta").load(str(path))
    typed = [F.col(field.name).cast(field.dataType) for field in target_df.schema]
    rows_df.select(*typed).createOrReplaceTempView("batch")
    days = [row[0] for row in rows_df.select("partition_dt").distinct().collect()]
    listed = ", ".join(f"DATE '{day}'" for day in sorted(days))
    merge(spark, str(path), "batch", keys, f"t.partition_dt IN ({listed})")


def bars_of(landed_df: DataFrame, sessions_df: DataFrame) -> DataFrame:
    """The answers' bars of regular sessions, with the columns of the table."""
    known_df = landed_df.select("payload_id", F.col("fetched_at").alias("known_from"))
    bars_df = typed_bars(landed_df).join(sessions_df, "trade_dt").join(known_df, "payload_id")
    is_usable = (
        (F.col("timestamp") >= F.col("opened"))
        & (F.col("timestamp") < F.col("closed"))
        & (F.col("low") > 0)
        & (F.col("high") >= F.greatest("open", "low", "close"))
        & (F.col("low") <= F.least("open", "high", "close"))
    )
    return bars_df.filter(is_usable).withColumns(
        {
            **{name: F.lit(value) for name, value in BAR_CONSTANTS.items()},
            "session": F.lit("regular"),
            "is_simulated": F.lit(False),
            "known_to": F.lit(None),
            "partition_dt": F.col("trade_dt"),
        }
    )


def key_figures(spark: SparkSession, lake: Path, touched_df: DataFrame, sessions_df: DataFrame) -> DataFrame:
    """The rows of daily_kpis of these symbols and days."""
    days = [row[0] for row in touched_df.select("trade_dt").distinct().collect()]
    bars_df = spark.read.format("delta").load(str(lake / BARS)).filter(F.col("partition_dt").isin(days))
    figures_df = day_figures(bars_df.join(touched_df, list(_DAY), "left_semi"))
    first = min(days) - timedelta(days=2 * WINDOW)
    kpis_df = spark.read.format("delta").load(str(lake / KPIS))
    is_near = (F.col("partition_dt") >= F.lit(first.replace(month=1, day=1))) & (F.col("trade_dt") >= first)
    closes_df = kpis_df.filter(is_near & (F.col("interval") == "5min")).join(
        touched_df, list(_DAY), "left_anti"
    )
    both_df = closes_df.select(*_DAY, "close").unionByName(figures_df, allowMissingColumns=True)
    changed_df = with_change(both_df.join(sessions_df, "trade_dt"))
    minutes = (F.unix_timestamp("closed") - F.unix_timestamp("opened")) / 60
    return changed_df.join(touched_df, list(_DAY), "left_semi").withColumns(
        {
            **{name: F.lit(value) for name, value in DAY_CONSTANTS.items()},
            "expected_bars": F.ceil(minutes / MINUTES),
            "basis_dt": F.col("trade_dt"),
            "is_simulated": F.lit(False),
            "partition_dt": F.trunc("trade_dt", "year"),
        }
    )


def day_figures(bars_df: DataFrame) -> DataFrame:
    """A row a symbol and day."""
    high, low, close, volume = (F.col(name).cast("double") for name in ("high", "low", "close", "volume"))
    typical = (high + low + close) / 3
    return bars_df.groupBy(*_DAY).agg(
        F.min_by("open", "timestamp").alias("open"),
        F.max("high").alias("high"),
        F.min("low").alias("low"),
        F.max_by("close", "timestamp").alias("close"),
        F.round(F.avg(typical), 6).alias("average_price"),
        F.round(F.sum(typical * volume) / F.sum(volume), 6).alias("vwap"),
        F.sum("volume").alias("volume"),
        F.count(F.lit(1)).alias("bar_count"),
    )


def with_change(days_df: DataFrame) -> DataFrame:
    """Adds what the close has changed by since the session before."""
    series = Window.partitionBy("symbol").orderBy("session_no")
    is_near = F.col("session_no") - F.lag("session_no").over(series) <= WINDOW
    before = F.when(is_near, F.lag("close").over(series)).cast("double")
    change = F.col("close").cast("double") - before
    return days_df.withColumn("price_change", F.round(change, 6)).withColumn(
        "price_change_pct", F.round(change * 100 / before, 6)
    )
