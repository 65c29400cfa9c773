"""Minute bars in plain PySpark and delta-spark: all files in one merge, no gates, no history."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.peers.minute_columns import ANSWER
from benchmarks.peers.plain_spark import merge
from benchmarks.peers.sessions import new_york_sessions

_PRICES = ("open", "high", "low", "close")


def load(spark: SparkSession, inputs: Path, folder: Path) -> None:
    """Files to a Delta table partitioned by day."""
    sessions = new_york_sessions().select("trade_dt", "opened", "closed").to_pandas()
    sessions_df = spark.createDataFrame(sessions).withColumn("trade_dt", F.to_date("trade_dt"))
    texts_df = spark.read.option("header", "true").csv(str(inputs / "lake/landing"))
    bars_df = usable_bars(texts_df, F.broadcast(sessions_df))
    path = str(folder / "bars")
    bars_df.limit(0).write.format("delta").partitionBy("trade_dt").save(path)
    bars_df.createOrReplaceTempView("batch")
    merge(spark, path, "batch", ("symbol", "timestamp"))


def usable_bars(texts_df: DataFrame, sessions_df: DataFrame) -> DataFrame:
    """Typed bars of sessions whose prices are in order, once each."""
    at = F.timestamp_micros(F.expr("cast(window_start as bigint) div 1000"))
    typed_df = texts_df.select(
        F.col("ticker").alias("symbol"),
        at.alias("timestamp"),
        F.to_date(F.from_utc_timestamp(at, "America/New_York")).alias("trade_dt"),
        *(F.col(name).cast("decimal(24,12)") for name in _PRICES),
        F.col("volume").cast("decimal(28,8)"),
    )
    is_usable = (
        (F.col("low") > 0)
        & (F.col("high") >= F.greatest("open", "low", "close"))
        & (F.col("low") <= F.least("open", "high", "close"))
        & (F.col("volume") >= 0)
    )
    session = F.when(F.col("timestamp") < F.col("opened"), "pre").when(
        F.col("timestamp") < F.col("closed"), "regular"
    )
    dated_df = typed_df.filter(is_usable).join(sessions_df, "trade_dt")
    bars_df = dated_df.withColumn("session", session.otherwise("post")).select(*ANSWER)
    return bars_df.dropDuplicates(["symbol", "timestamp"])


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """The bars."""
    return {"bars": pl.read_delta(str(folder / "bars")).select(ANSWER).to_arrow()}
