"""A year's question to Gold, asked of an engine that is warm."""

from pathlib import Path

import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from benchmarks.asking import answer, asking, duckdb_rows, reading, reading_spark
from benchmarks.case import EMBEDDED, LAKEHOUSE, NO_ENGINE, SPARK, Case, Contestant
from benchmarks.cases import daily_history

_FIRST, _LAST = "2009-08-21", "2010-08-20"
_QUESTION = f"""
SELECT symbol, count(*) AS sessions, min(low) AS lowest, max(high) AS highest, avg(close) AS mean_close,
    avg(volatility_score) AS mean_volatility, max(price_change_pct) AS best_pct,
    min(price_change_pct) AS worst_pct, sum(volume) AS volume,
    count(CASE WHEN triggered_signals <> '' THEN 1 END) AS alerts
FROM {{table}} WHERE trade_dt BETWEEN DATE '{_FIRST}' AND DATE '{_LAST}' GROUP BY symbol ORDER BY symbol
"""  # noqa: S608 - our names
_NUMBERS = ("lowest", "highest", "mean_close", "mean_volatility", "best_pct", "worst_pct", "volume")
_SCHEMA = pa.schema(
    {
        "symbol": pa.string(),
        "sessions": pa.int64(),
        **dict.fromkeys(_NUMBERS, pa.float64()),
        "alerts": pa.int64(),
    }
)
_TABLE = "gold/stock_overview"


def polars(lake: Path) -> pa.Table:
    """The answer by Polars' lazy frames."""
    first, last = (pl.lit(day).str.to_date() for day in (_FIRST, _LAST))
    change = pl.col("price_change_pct")
    found = (
        pl.scan_delta(str(lake / _TABLE))
        .filter(pl.col("trade_dt").is_between(first, last))
        .group_by("symbol")
        .agg(
            pl.len().alias("sessions"),
            pl.col("low").min().alias("lowest"),
            pl.col("high").max().alias("highest"),
            pl.col("close").cast(pl.Float64).mean().alias("mean_close"),
            pl.col("volatility_score").cast(pl.Float64).mean().alias("mean_volatility"),
            change.max().alias("best_pct"),
            change.min().alias("worst_pct"),
            pl.col("volume").sum(),
            (pl.col("triggered_signals") != "").sum().alias("alerts"),
        )
        .sort("symbol")
    )
    return found.collect().to_arrow()


def duckdb(lake: Path) -> pa.Table:
    """The answer by DuckDB over the table's files."""
    return duckdb_rows(lake, _TABLE, _QUESTION.format(table="stored"))


def spark(session: SparkSession, lake: Path) -> DataFrame:
    """The answer by a plain session."""
    session.read.format("delta").load(str(lake / _TABLE)).createOrReplaceTempView("stored")
    found_df = session.sql(_QUESTION.format(table="stored"))
    return found_df.select(
        "symbol", "sessions", *(found_df[name].cast("double") for name in _NUMBERS), "alerts"
    )


_OURS = _QUESTION.format(table="gold.stock_overview")
CASE = Case(
    name="overview_query",
    title="Query Gold on a warm engine: a year by symbol, nine aggregates",
    prepare=daily_history.prepare_built,
    contestants=(
        Contestant(LAKEHOUSE, EMBEDDED, asking(_OURS, EMBEDDED), answer),
        Contestant("polars", NO_ENGINE, reading(polars), answer),
        Contestant("duckdb", NO_ENGINE, reading(duckdb), answer),
        Contestant(LAKEHOUSE, SPARK, asking(_OURS, SPARK), answer),
        Contestant("pyspark", SPARK, reading_spark(spark, _SCHEMA), answer),
    ),
)
