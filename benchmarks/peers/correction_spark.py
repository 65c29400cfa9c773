"""One symbol's daily bars delivered again, in plain PySpark and delta-spark: one merge a table."""

from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.lakes import kept_payloads
from benchmarks.peers.correction_tables import DELIVERY
from benchmarks.peers.daily_columns import ANSWER, BARS, KPIS, OVERVIEW, SIGNALS
from benchmarks.peers.daily_spark import overview_of, publish, signals_of, usable_bars, with_figures
from benchmarks.peers.sessions import new_york_sessions

_VALUES = ("open", "high", "low", "close", "volume")


def load(spark: SparkSession, inputs: Path, folder: Path) -> None:
    """Bars whose values differ are updated; the symbol's figures are computed and merged anew."""
    (payload,) = kept_payloads(inputs / DELIVERY)
    symbol = payload["symbol"]
    sessions = new_york_sessions().to_pandas()
    sessions_df = F.broadcast(spark.createDataFrame(sessions).withColumn("trade_dt", F.to_date("trade_dt")))
    payload_df = spark.createDataFrame(
        [(symbol, payload["payload_id"], payload["body"])], "symbol string, payload_id string, body binary"
    )
    correct_bars(spark, folder, usable_bars(payload_df, sessions_df))
    bars_df = spark.read.format("delta").load(str(folder / BARS)).where(F.col("symbol") == symbol)
    days_df = with_figures(bars_df.join(sessions_df, "trade_dt")).cache()
    publish(spark, folder, KPIS, days_df.select(*ANSWER[KPIS]))
    signals_df = signals_of(days_df).cache()
    publish(spark, folder, SIGNALS, signals_df)
    publish(spark, folder, OVERVIEW, overview_of(days_df, signals_df))
    signals_df.unpersist()
    days_df.unpersist()


def correct_bars(spark: SparkSession, folder: Path, delivered_df: DataFrame) -> None:
    """Updates the stored bars that have other values; those that have the same keep their payload."""
    differs = " OR ".join(f"NOT (t.{name} <=> s.{name})" for name in _VALUES)
    delivered_df.withColumn("partition_dt", F.trunc("trade_dt", "year")).createOrReplaceTempView("batch")
    spark.sql(
        f"MERGE INTO delta.`{folder / BARS}` t USING batch s "
        "ON t.symbol = s.symbol AND t.timestamp = s.timestamp "
        f"WHEN MATCHED AND ({differs}) THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    )
