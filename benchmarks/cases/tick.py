"""One tick of the watch list: five minutes' bars of N symbols into a lake of M million bars, up to Gold."""

import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pyarrow as pa
from deltalake import write_deltalake
from pyspark.sql import SparkSession

from benchmarks.case import EMBEDDED, LAKEHOUSE, NO_ENGINE, SPARK, Case, Contestant
from benchmarks.lakes import (
    build,
    contesting,
    copy_lake,
    keep_payloads,
    kept_payloads,
    payload,
    rows_of,
    warm_session,
    workspace,
)
from benchmarks.peers import tick_duckdb, tick_polars, tick_spark
from benchmarks.peers.plain_spark import twice
from benchmarks.peers.tick_columns import ANSWER, BARS, DAY_CONSTANTS, DAYS, KPIS
from delta_tables.storage.arrow_io import append_rows, arrow_schema
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables import gold, silver
from delta_tables.tables.bronze import RAW_PAYLOADS
from flows.simulator.alphavantage.rendering import AlphaVantageSeries, render_json
from flows.simulator.market.real_prices import load_histories
from flows.simulator.market.series_point import SeriesPoint
from jobs.gold.signals import SIGNALS
from jobs.market_calendar.session import Session
from jobs.market_calendar.sessions import sessions_between
from jobs.runs.run_context import RunContext

_SYMBOLS, _BARS, _DAYS_A_COMMIT = 500, 78, 40
_SESSIONS = sessions_between("XNYS", date(2000, 1, 3), date(2010, 8, 20))
_TODAY = _SESSIONS[-1]
_COMPACT = 100
_NEW_YORK = ZoneInfo("America/New_York")
_PRICES = ("open", "high", "low", "close")


def prepare_lake(inputs: Path, days: int, symbols: int) -> int:
    """A lake with so many days of bars and all Gold of them, and two ticks of the next day, one built."""
    lake = Lake(str(inputs / "lake"))
    create_tables(lake)
    names = sorted(load_histories())[:_SYMBOLS]
    generator = np.random.default_rng(2010)
    past, figures = _SESSIONS[-1 - days : -1], pl.DataFrame()
    for start in range(0, len(past), _DAYS_A_COMMIT):
        bars = pl.concat(
            [draw_day(session, names, generator) for session in past[start : start + _DAYS_A_COMMIT]]
        )
        append(lake, silver.BARS, bars)
        figures = key_figures(bars, figures)
        append(lake, gold.DAILY_KPIS, figures)
        append(lake, gold.SIGNALS, signals(figures))
        append(lake, gold.STOCK_OVERVIEW, overview(figures))
    today = draw_day(_TODAY, names, generator)
    recent = pl.concat([bars.filter(pl.col("trade_dt") == past[-1].trade_dt), today]).sort("timestamp")
    ctx = workspace(inputs, EMBEDDED)
    append_rows(lake, RAW_PAYLOADS, answers(recent, names[:symbols], 1))
    keep_payloads(inputs / "tick.json", answers(recent, names[:symbols], 2))
    with warm_session(ctx) as spark:
        build(ctx, spark)
    return symbols


def draw_day(session: Session, names: list[str], generator: np.random.Generator) -> pl.DataFrame:
    """A session's five-minute bars of all symbols, as silver.bars has them."""
    count = len(names)
    walk = 50 * np.exp(np.cumsum(generator.normal(0, 0.001, (count, _BARS + 1)), axis=1))
    opens, closes = walk[:, :-1].ravel(), walk[:, 1:].ravel()
    reach = 1 + np.abs(generator.normal(0, 0.0005, (2, count * _BARS)))
    starts = np.datetime64(session.open_at.replace(tzinfo=None), "us") + np.arange(_BARS) * np.timedelta64(
        5, "m"
    )
    prices = (opens, np.maximum(opens, closes) * reach[0], np.minimum(opens, closes) / reach[1], closes)
    return pl.DataFrame(
        {
            "provider": "alphavantage",
            "symbol": np.repeat(names, _BARS),
            "asset_class": "stock",
            "calendar": "XNYS",
            "interval": "5min",
            "timestamp": pl.Series(np.tile(starts, count)).dt.replace_time_zone("UTC"),
            "trade_dt": session.trade_dt,
            "session": "regular",
            "kind": "candle",
            "adjustment": "raw",
            **{name: values.round(4) for name, values in zip(_PRICES, prices, strict=True)},
            "volume": generator.integers(100, 100_000, count * _BARS),
            "is_simulated": False,
            "known_from": session.day_end_at,
            "known_to": None,
            "payload_id": hashlib.sha256(str(session.trade_dt).encode()).hexdigest(),
            "position": "/",
            "run_id": "seed",
            "partition_dt": session.trade_dt,
        }
    )


def key_figures(bars: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """The bars' rows of gold.daily_kpis; `before`: those of the days before them, if any."""
    figures = tick_polars.day_figures(bars)
    days = pl.concat([before.select(figures.columns), figures]) if before.height else figures
    last_close = pl.col("close").shift(1).over("symbol", order_by="trade_dt")
    change = pl.col("close") - last_close
    return (
        days.with_columns(
            change.round(6).alias("price_change"),
            (change * 100 / last_close).round(6).alias("price_change_pct"),
        )
        .join(bars.select("trade_dt").unique(), on="trade_dt", how="semi")
        .with_columns(pl.lit(value).alias(name) for name, value in DAY_CONSTANTS.items())
        .with_columns(
            pl.lit(_BARS, pl.Int64).alias("expected_bars"),
            pl.col("trade_dt").alias("basis_dt"),
            pl.lit(value=False).alias("is_simulated"),
            pl.lit("seed").alias("run_id"),
            pl.col("trade_dt").dt.truncate("1y").alias("partition_dt"),
        )
    )


def signals(figures: pl.DataFrame) -> pl.DataFrame:
    """As many rows of gold.signals as there would be of the figures, none triggered."""
    return pl.concat(
        figures.with_columns(
            pl.lit(each.name).alias("signal"),
            pl.lit("no full session before to compare with").alias("reason"),
            pl.lit(None, pl.Float64).alias("value"),
            pl.lit(100.0).alias("threshold"),
            pl.lit(value=False).alias("is_triggered"),
        )
        for each in SIGNALS
    )


def overview(figures: pl.DataFrame) -> pl.DataFrame:
    """As many rows of gold.stock_overview as there would be of the figures."""
    unknown = ("7d_avg", "volatility_score", "volume_spike_pct", "pe_ratio")
    return figures.with_columns(
        *(pl.lit(None, pl.Float64).alias(name) for name in unknown), pl.lit("").alias("triggered_signals")
    )


def append(lake: Lake, table: Table, rows: pl.DataFrame) -> None:
    """Appends rows of any numeric type to a table of the lake."""
    schema = arrow_schema(table)
    wanted = pl.from_arrow(schema.empty_table())
    assert isinstance(wanted, pl.DataFrame)
    typed = rows.select(pl.col(name).cast(kind) for name, kind in wanted.schema.items())
    write_deltalake(lake.uri(table), typed.to_arrow().cast(schema), mode="append")


def answers(recent: pl.DataFrame, names: list[str], number: int) -> list[dict[str, Any]]:
    """The payloads of one tick, the last hundred bars each."""
    now = _TODAY.open_at + timedelta(hours=2, minutes=5 * number)
    seen = recent.filter((pl.col("timestamp") < now) & pl.col("symbol").is_in(names))
    groups = seen.group_by("symbol").tail(_COMPACT).partition_by("symbol", as_dict=True).items()
    bars_of = {str(name): bars for (name,), bars in groups}
    return [payload("intraday", name, "5min", answer_body(name, bars), now) for name, bars in bars_of.items()]


def answer_body(symbol: str, bars: pl.DataFrame) -> bytes:
    """An answer of Alpha Vantage's TIME_SERIES_INTRADAY, outputsize=compact."""
    points = [
        SeriesPoint(
            key=row["timestamp"].astimezone(_NEW_YORK).strftime("%Y-%m-%d %H:%M:%S"),
            published_at=row["timestamp"],
            volume=row["volume"],
            **{name: Decimal(str(row[name])) for name in _PRICES},
        )
        for row in reversed(bars.to_dicts())
    ]
    meta = (
        ("Information", "Intraday (5min) open, high, low, close prices and volume"),
        ("Symbol", symbol),
        ("Last Refreshed", points[0].key),
        ("Interval", "5min"),
        ("Output Size", "Compact"),
        ("Time Zone", "US/Eastern"),
    )
    return render_json(AlphaVantageSeries(meta, "Time Series (5min)", points))


def _tick(ctx: RunContext, spark: SparkSession, inputs: Path) -> None:
    """Lands the tick in one commit and builds Silver and Gold."""
    append_rows(ctx.lake, RAW_PAYLOADS, kept_payloads(inputs / "tick.json"))
    build(ctx, spark)


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """The current bars and the key figures of the days that the tick can touch."""
    days = f"trade_dt >= CAST('{DAYS[0]}' AS DATE)"
    return {
        "bars": rows_of(folder, silver.BARS, ANSWER[BARS], f"{days} AND known_to IS NULL"),
        "daily_kpis": rows_of(folder, gold.DAILY_KPIS, ANSWER[KPIS], days),
    }


def case(symbols: int, millions: int) -> Case:
    """The tick of so many symbols into a lake of so many million bars of 500 symbols."""
    days = round(millions * 1_000_000 / (_SYMBOLS * _BARS))
    return Case(
        name=f"tick_{symbols}_into_{millions}m",
        title=f"Add five minutes of bars of {symbols} symbols to {millions} million bars, landing to Gold",
        prepare=lambda inputs, scale: prepare_lake(inputs, max(5, round(days * scale)), symbols),
        contestants=(
            Contestant(LAKEHOUSE, EMBEDDED, contesting(_tick, EMBEDDED), answer),
            Contestant("polars", NO_ENGINE, tick_polars.run, answer),
            Contestant("duckdb", NO_ENGINE, tick_duckdb.run, tick_duckdb.answer),
            Contestant(LAKEHOUSE, SPARK, contesting(_tick, SPARK), answer),
            Contestant("pyspark", SPARK, twice(tick_spark.load, copy_lake), answer),
        ),
    )


CASES = (*(case(100, millions) for millions in (1, 10, 100)), case(5, 10), case(500, 10))
