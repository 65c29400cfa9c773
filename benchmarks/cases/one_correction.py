"""One price of an old daily bar comes corrected: into a built history, to Silver and Gold."""

from datetime import timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from benchmarks.case import EMBEDDED, LAKEHOUSE, NO_ENGINE, SPARK, Case, Contestant
from benchmarks.cases import daily_history
from benchmarks.lakes import FETCHED, build, contesting, keep_payloads, kept_payloads
from benchmarks.peers import (
    correction_duckdb,
    correction_polars,
    correction_spark,
    daily_duckdb,
    daily_polars,
    daily_spark,
)
from benchmarks.peers.correction_tables import DELIVERY, DUCKDB, POLARS, lay_polars
from benchmarks.peers.plain_spark import twice
from delta_tables.storage.arrow_io import append_rows
from delta_tables.tables.bronze import RAW_PAYLOADS
from flows.simulator.market.real_prices import DailyBar, load_histories
from jobs.runs.run_context import RunContext

_SYMBOL, _POSITION = 2, 30  # an old bar of a symbol that the smallest scale has, with no fault around it


def prepare(inputs: Path, scale: float) -> int:
    """The daily history as the lakehouse and the peers have it, and a payload that differs in one close."""
    daily_history.prepare_built(inputs, scale)
    for peer, name in ((daily_polars, POLARS), (daily_duckdb, DUCKDB)):
        (inputs / name).mkdir()
        for _ in peer.run(inputs, inputs / name):
            pass
    symbol, bars = list(load_histories().items())[_SYMBOL]
    corrected = (*bars[:_POSITION], _corrected(bars[_POSITION]), *bars[_POSITION + 1 :])
    answer = daily_history.full_answer(symbol, corrected, FETCHED + timedelta(hours=1))
    keep_payloads(inputs / DELIVERY, [answer])
    return len(corrected)


def _corrected(bar: DailyBar) -> DailyBar:
    """The bar with another close, between its low and its high."""
    middle = (bar.low + bar.high) / 2
    return bar._replace(close=(middle + bar.low) / 2 if middle == bar.close else middle)


def _correct(ctx: RunContext, spark: SparkSession, inputs: Path) -> None:
    """Lands the payload and builds Silver and Gold."""
    append_rows(ctx.lake, RAW_PAYLOADS, kept_payloads(inputs / DELIVERY))
    build(ctx, spark)


CASE = Case(
    name="one_correction",
    title="Correct one close in a year of daily bars of 524 symbols, from its payload to Silver and Gold",
    prepare=prepare,
    contestants=(
        Contestant(LAKEHOUSE, EMBEDDED, contesting(_correct, EMBEDDED), daily_history.answer),
        Contestant("polars", NO_ENGINE, correction_polars.run, daily_polars.answer),
        Contestant("duckdb", NO_ENGINE, correction_duckdb.run, daily_duckdb.answer),
        Contestant(LAKEHOUSE, SPARK, contesting(_correct, SPARK), daily_history.answer),
        Contestant("pyspark", SPARK, twice(correction_spark.load, lay_polars), daily_spark.answer),
    ),
)
