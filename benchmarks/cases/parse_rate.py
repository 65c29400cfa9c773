"""A month's five-minute bars of 500 symbols: the JSON of landed payloads to typed rows, and no further."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from pyspark.sql import SparkSession

from benchmarks.case import EMBEDDED, LAKEHOUSE, NO_ENGINE, SPARK, Case, Contestant
from benchmarks.cases.tick import answer_body, draw_day
from benchmarks.lakes import FETCHED, contesting, payload
from benchmarks.peers import parse_rate
from benchmarks.peers.parse_rate import COLUMNS, TYPED
from benchmarks.peers.plain_spark import twice
from delta_tables.storage.arrow_io import append_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables.bronze import RAW_PAYLOADS
from flows.simulator.market.real_prices import load_histories
from jobs.history.pending_payloads import pending_window, read_payloads
from jobs.market_calendar.sessions import FIRST_SESSION, sessions_between, sessions_frame
from jobs.parsing.registry import BAR_PARSERS, calendars_for, parse_payloads
from jobs.runs.run_context import RunContext
from jobs.silver.bar_rules import validate_bars

_SYMBOLS = 500
_SESSIONS = sessions_between("XNYS", date(2010, 7, 20), date(2010, 8, 20))


def prepare(inputs: Path, scale: float) -> int:
    """Lands one payload a symbol, as Alpha Vantage answers with outputsize=full."""
    names = sorted(load_histories())[: max(5, round(_SYMBOLS * scale))]
    generator = np.random.default_rng(2010)
    bars = pl.concat([draw_day(session, names, generator) for session in _SESSIONS])
    lake = Lake(str(inputs / "lake"))
    create_tables(lake)
    groups = bars.partition_by("symbol", as_dict=True).items()
    bodies = {str(name): answer_body(str(name), some) for (name,), some in groups}
    rows = [payload("intraday", name, "5min", body, FETCHED) for name, body in bodies.items()]
    append_rows(lake, RAW_PAYLOADS, rows)
    return bars.height


def _parse(ctx: RunContext, spark: SparkSession, _inputs: Path) -> None:
    """What a build of bars does first; the rules, whose verdicts are not asked for, are not computed."""
    window = pending_window(ctx.lake, None)
    raw_df = parse_payloads(
        read_payloads(spark, ctx.lake, window), BAR_PARSERS, window.provider_datasets, window.parsing_tasks
    )
    calendars = calendars_for(BAR_PARSERS, window.provider_datasets)
    sessions_df = sessions_frame(spark, calendars, date.fromisoformat(FIRST_SESSION), date.max)
    validate_bars(raw_df, sessions_df).select(*COLUMNS).write.parquet(str(Path(ctx.lake.root).parent / TYPED))


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """The typed rows."""
    files = sorted((folder / TYPED).glob("*.parquet"))
    typed = pl.read_parquet(files).select(COLUMNS)
    if typed["timestamp"].dtype == pl.Datetime("ns"):  # Spark's INT96: instants in UTC, without saying so
        typed = typed.with_columns(pl.col("timestamp").dt.replace_time_zone("UTC"))
    return {"bars": typed.to_arrow()}


CASE = Case(
    name="parse_rate",
    title="Parse a month of five-minute bars of 500 symbols, from JSON payloads to typed rows",
    prepare=prepare,
    contestants=(
        Contestant(LAKEHOUSE, EMBEDDED, contesting(_parse, EMBEDDED), answer),
        Contestant("polars", NO_ENGINE, parse_rate.by_polars, answer),
        Contestant("duckdb", NO_ENGINE, parse_rate.by_duckdb, answer),
        Contestant(LAKEHOUSE, SPARK, contesting(_parse, SPARK), answer),
        Contestant("pyspark", SPARK, twice(parse_rate.by_spark), answer),
    ),
)
