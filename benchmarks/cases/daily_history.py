"""A year's daily bars of 524 symbols, from landed payloads to Silver and Gold."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from benchmarks.case import EMBEDDED, LAKEHOUSE, NO_ENGINE, SPARK, Case, Contestant
from benchmarks.lakes import FETCHED, build, contesting, payload, rows_of, warm_session, workspace
from benchmarks.limits import limits
from benchmarks.peers import daily_duckdb, daily_polars, daily_spark
from benchmarks.peers.daily_columns import ANSWER, BARS, KPIS, OVERVIEW, SIGNALS
from benchmarks.peers.parsing import daily_bodies
from benchmarks.peers.plain_spark import twice
from delta_tables.storage.arrow_io import append_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables import gold, silver
from delta_tables.tables.bronze import RAW_PAYLOADS
from flows.simulator.alphavantage.rendering import AlphaVantageSeries, render_json
from flows.simulator.market.real_prices import DailyBar, load_histories
from flows.simulator.market.series_point import SeriesPoint
from jobs.runs.run_context import RunContext


def prepare(inputs: Path, scale: float) -> int:
    """Lands one payload a symbol in a lake, as Alpha Vantage answers."""
    histories = load_histories()
    chosen = list(histories)[: max(2, round(len(histories) * scale))]
    lake = Lake(str(inputs / "lake"))
    create_tables(lake)
    append_rows(lake, RAW_PAYLOADS, [full_answer(symbol, histories[symbol], FETCHED) for symbol in chosen])
    return sum(len(histories[symbol]) for symbol in chosen)


def prepare_built(inputs: Path, scale: float) -> int:
    """The same, built by the lakehouse."""
    rows = prepare(inputs, scale)
    ctx = workspace(inputs, EMBEDDED)
    with warm_session(ctx) as spark:
        build(ctx, spark)
    return rows


def full_answer(symbol: str, bars: tuple[DailyBar, ...], fetched_at: datetime) -> dict[str, Any]:
    """The payload of a symbol's whole history."""
    meta = (
        ("Information", "Daily Prices (open, high, low, close) and Volumes"),
        ("Symbol", symbol),
        ("Last Refreshed", bars[-1].trade_dt.isoformat()),
        ("Output Size", "Full size"),
        ("Time Zone", "US/Eastern"),
    )
    points = [SeriesPoint(bar.trade_dt.isoformat(), fetched_at, *bar[1:]) for bar in reversed(bars)]
    body = render_json(AlphaVantageSeries(meta, "Time Series (Daily)", points))
    return payload("daily", symbol, "1day", body, fetched_at)


def _build(ctx: RunContext, spark: SparkSession, _inputs: Path) -> None:
    build(ctx, spark)


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """Current bars, key figures, signals, the overview."""
    return {
        "bars": rows_of(folder, silver.BARS, ANSWER[BARS], "known_to IS NULL"),
        "daily_kpis": rows_of(folder, gold.DAILY_KPIS, ANSWER[KPIS]),
        "signals": rows_of(folder, gold.SIGNALS, ANSWER[SIGNALS]),
        "stock_overview": rows_of(folder, gold.STOCK_OVERVIEW, ANSWER[OVERVIEW]),
    }


CASE = Case(
    name="daily_history",
    title="Build a year of daily bars of 524 symbols, from payloads to Silver and Gold",
    prepare=prepare,
    contestants=(
        Contestant(LAKEHOUSE, EMBEDDED, contesting(_build, EMBEDDED), answer),
        Contestant("polars", NO_ENGINE, daily_polars.run, daily_polars.answer),
        Contestant("duckdb", NO_ENGINE, daily_duckdb.run, daily_duckdb.answer),
        Contestant(LAKEHOUSE, SPARK, contesting(_build, SPARK), answer),
        Contestant("pyspark", SPARK, twice(daily_spark.load), daily_spark.answer),
        *limits(lambda inputs: sorted((inputs / "lake/bronze/raw_payloads").glob("*.parquet")), daily_bodies),
    ),
)
