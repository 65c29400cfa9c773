"""A year's bars of some symbols as they were known at an earlier instant, out of a lake with corrections."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from benchmarks.asking import answer, asking, duckdb_rows, reading, reading_spark
from benchmarks.case import EMBEDDED, LAKEHOUSE, NO_ENGINE, SPARK, Case, Contestant
from benchmarks.cases.tick import append, draw_day
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables import silver
from flows.simulator.market.real_prices import load_histories
from jobs.market_calendar.sessions import sessions_between
from serving.read import open_reader

_SYMBOLS, _ASKED, _DAYS_A_COMMIT = 500, 20, 40
_SESSIONS = sessions_between("XNYS", date(2009, 6, 1), date(2010, 8, 20))
_FIRST, _LAST = date(2009, 8, 21), date(2010, 8, 20)
_KNOWN_AT = datetime(2010, 8, 24, tzinfo=UTC)
_SHARE, _CORRECTED_AT = 0.01, (_KNOWN_AT - timedelta(days=1), _KNOWN_AT + timedelta(days=1))
_CHOSEN = sorted(load_histories())[:_SYMBOLS][:: _SYMBOLS // _ASKED]
_COLUMNS = ("symbol", "timestamp", "trade_dt", "open", "high", "low", "close", "volume", "known_from")
_TABLE = "silver/bars"


def prepare(inputs: Path, scale: float) -> int:
    """Sessions of five-minute bars; a hundredth was corrected before the instant asked for, one after it."""
    lake = Lake(str(inputs / "lake"))
    create_tables(lake)
    names = sorted(load_histories())[:_SYMBOLS]
    generator = np.random.default_rng(1987)
    days = _SESSIONS[-max(10, round(len(_SESSIONS) * scale)) :]
    asked = 0
    for start in range(0, len(days), _DAYS_A_COMMIT):
        drawn = [draw_day(each, names, generator) for each in days[start : start + _DAYS_A_COMMIT]]
        bars = pl.concat(drawn)
        append(lake, silver.BARS, with_corrections(bars, generator))
        asked += bars.filter(pl.col("symbol").is_in(_CHOSEN) & (pl.col("trade_dt") >= _FIRST)).height
    return asked


def with_corrections(bars: pl.DataFrame, generator: np.random.Generator) -> pl.DataFrame:
    """The bars, a hundredth of them closed at each instant of correction, and what took their place."""
    drawn = pl.Series("drawn", generator.random(bars.height))
    early, late = (pl.lit(each) for each in _CORRECTED_AT)
    at = pl.when(drawn < _SHARE).then(early).when(drawn < 2 * _SHARE).then(late)
    closed = bars.with_columns(at.otherwise(None).alias("known_to"))
    corrections = closed.filter(pl.col("known_to").is_not_null()).with_columns(
        pl.col("known_to").alias("known_from"),
        pl.lit(None).alias("known_to"),
        ((pl.col("high") + pl.col("low")) / 2).round(4).alias("close"),
    )
    both = pl.concat([closed, corrections], how="vertical_relaxed")
    return both.sort("trade_dt", "symbol", "timestamp")


_INSTANT = f"TIMESTAMP '{_KNOWN_AT:%Y-%m-%d %H:%M:%S}'"
_QUESTION = f"""
SELECT {", ".join(f"b.{name}" for name in _COLUMNS)} FROM {{table}} AS b
WHERE b.interval = '5min' AND b.symbol IN ({", ".join(f"'{name}'" for name in _CHOSEN)})
    AND b.trade_dt BETWEEN DATE '{_FIRST}' AND DATE '{_LAST}'
    AND b.partition_dt BETWEEN DATE '{_FIRST}' AND DATE '{_LAST}'
    AND b.known_from <= {_INSTANT} AND (b.known_to IS NULL OR b.known_to > {_INSTANT})
"""  # noqa: S608 - our names
_SCHEMA = pa.schema(
    {
        "symbol": pa.string(),
        "timestamp": pa.timestamp("us", "UTC"),
        "trade_dt": pa.date32(),
        **dict.fromkeys(("open", "high", "low", "close"), pa.decimal128(24, 12)),
        "volume": pa.decimal128(28, 8),
        "known_from": pa.timestamp("us", "UTC"),
    }
)


def reader(lake: Path) -> pa.Table:
    """The bars by the lakehouse's reader for backtests, new, with nothing in memory."""
    then = open_reader(lake).known_at(_KNOWN_AT)
    return then.bars(_CHOSEN, "5min", _FIRST, _LAST, columns=_COLUMNS).arrow()


def polars(lake: Path) -> pa.Table:
    """The bars by Polars' lazy frames over delta-rs."""
    found = pl.scan_delta(str(lake / _TABLE)).filter(
        pl.col("partition_dt").is_between(_FIRST, _LAST),
        pl.col("trade_dt").is_between(_FIRST, _LAST),
        pl.col("interval") == "5min",
        pl.col("symbol").is_in(_CHOSEN),
        pl.col("known_from") <= _KNOWN_AT,
        pl.col("known_to").is_null() | (pl.col("known_to") > _KNOWN_AT),
    )
    return found.select(_COLUMNS).collect().to_arrow()


def duckdb(lake: Path) -> pa.Table:
    """The bars by DuckDB over the table's files."""
    return duckdb_rows(lake, _TABLE, _QUESTION.format(table="stored"))


def spark(session: SparkSession, lake: Path) -> DataFrame:
    """The bars by a plain session."""
    session.read.format("delta").load(str(lake / _TABLE)).createOrReplaceTempView("stored")
    return session.sql(_QUESTION.format(table="stored"))


_OURS = _QUESTION.format(table="silver.bars")
CASE = Case(
    name="as_of_read",
    title="Read a year of five-minute bars of 20 symbols as of an earlier time, out of 12 million bars",
    prepare=prepare,
    contestants=(
        Contestant(LAKEHOUSE, EMBEDDED, asking(_OURS, EMBEDDED), answer),
        Contestant("reader", NO_ENGINE, reading(reader), answer),
        Contestant("polars", NO_ENGINE, reading(polars), answer),
        Contestant("duckdb", NO_ENGINE, reading(duckdb), answer),
        Contestant(LAKEHOUSE, SPARK, asking(_OURS, SPARK), answer),
        Contestant("pyspark", SPARK, reading_spark(spark, _SCHEMA), answer),
    ),
)
