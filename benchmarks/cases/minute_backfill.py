"""Ten million minute bars of 500 symbols, from landed flat files to Silver."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from pyspark.sql import SparkSession

from benchmarks.case import EMBEDDED, LAKEHOUSE, NO_ENGINE, SPARK, Case, Contestant
from benchmarks.lakes import contesting, ended_well, raw_file, rows_of
from benchmarks.limits import limits
from benchmarks.peers import minute_duckdb, minute_polars, minute_spark
from benchmarks.peers.minute_columns import ANSWER
from benchmarks.peers.parsing import minute_files
from benchmarks.peers.plain_spark import twice
from delta_tables.storage.arrow_io import append_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables import silver
from delta_tables.tables.bronze import RAW_FILES
from flows.simulator.market.real_prices import load_histories
from jobs.market_calendar.session import Session
from jobs.market_calendar.sessions import sessions_between
from jobs.pipelines.silver.bar_files import build_bar_files
from jobs.runs.run_context import RunContext

SYMBOLS = 500
_MINUTES = 390
_DAYS = sessions_between("XNYS", date(2010, 6, 1), date(2010, 8, 19))
_TOTAL = 10_000_000


def prepare(inputs: Path, scale: float) -> int:
    """Lands one file a session; of each symbol a seeded walk from its real close, all minutes."""
    lake = Lake(str(inputs / "lake"))
    create_tables(lake)
    symbols = sorted(load_histories())[: max(2, round(SYMBOLS * min(1, scale * 10)))]
    days = _DAYS[: max(2, round(_TOTAL * scale / (len(symbols) * _MINUTES)))]
    landing = inputs / "lake/landing"
    landing.mkdir()
    generator = np.random.default_rng(20100820)
    rows = []
    for session in days:
        path = landing / f"{session.trade_dt}.csv.gz"
        write_day(path, symbols, session, generator)
        rows.append(raw_file(path, "minute_aggs_v1", session.trade_dt))
    append_rows(lake, RAW_FILES, rows)
    return len(days) * len(symbols) * _MINUTES


def write_day(path: Path, symbols: list[str], session: Session, generator: np.random.Generator) -> None:
    """A file as Massive's minute_aggs_v1 (https://massive.com/docs/flat-files/stocks/minute-aggregates)."""
    count = len(symbols)
    start = np.array([float(load_histories()[symbol][-1].close) for symbol in symbols])[:, None]
    walk = start * np.exp(np.cumsum(generator.normal(0, 0.0004, (count, _MINUTES + 1)), axis=1))
    opens, closes = walk[:, :-1], walk[:, 1:]
    reach = start * np.abs(generator.normal(0, 0.0002, (2, count, _MINUTES)))
    opened = int(session.open_at.timestamp()) * 1_000_000_000
    starts = opened + np.arange(_MINUTES, dtype=np.int64) * 60_000_000_000
    frame = pl.DataFrame(
        {
            "ticker": np.repeat(symbols, _MINUTES),
            "volume": generator.integers(100, 100_000, count * _MINUTES),
            "open": opens.ravel(),
            "close": closes.ravel(),
            "high": (np.maximum(opens, closes) + reach[0]).ravel(),
            "low": (np.minimum(opens, closes) - reach[1]).ravel(),
            "window_start": np.tile(starts, count),
            "transactions": generator.integers(1, 500, count * _MINUTES),
        }
    )
    text = frame.write_csv(float_precision=4).encode()
    with pa.CompressedOutputStream(str(path), "gzip") as target:
        target.write(text)


def _build(ctx: RunContext, spark: SparkSession, _inputs: Path) -> None:
    ended_well(ctx, build_bar_files(ctx, spark))


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """The current bars."""
    return {"bars": rows_of(folder, silver.BARS, ANSWER, "known_to IS NULL")}


CASE = Case(
    name="minute_backfill",
    title="Build ten million minute bars of 500 symbols, from flat files to Silver",
    prepare=prepare,
    contestants=(
        Contestant(LAKEHOUSE, EMBEDDED, contesting(_build, EMBEDDED), answer),
        Contestant("polars", NO_ENGINE, minute_polars.run, minute_polars.answer),
        Contestant("duckdb", NO_ENGINE, minute_duckdb.run, minute_duckdb.answer),
        Contestant(LAKEHOUSE, SPARK, contesting(_build, SPARK), answer),
        Contestant("pyspark", SPARK, twice(minute_spark.load), minute_spark.answer),
        *limits(lambda inputs: sorted((inputs / "lake/landing").iterdir()), minute_files),
    ),
)
