"""A table of many small files, as ticks leave it, made into one file a day."""

from collections import Counter
from collections.abc import Callable, Generator, Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from benchmarks.case import EMBEDDED, LAKEHOUSE, NO_ENGINE, SPARK, Case, Contestant
from benchmarks.cases.tick import append, draw_day
from benchmarks.lakes import contesting, copy_lake
from benchmarks.peers.plain_spark import twice
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables.silver import BARS
from flows.simulator.market.real_prices import load_histories
from jobs.market_calendar.session import Session
from jobs.market_calendar.sessions import sessions_between
from jobs.pipelines.maintenance import maintain_table
from jobs.runs.run_context import RunContext

_SYMBOLS, _BARS = 500, 78
_SESSIONS = sessions_between("XNYS", date(2010, 8, 9), date(2010, 8, 20))
_RETAIN_HOURS = 168
_TABLE = "lake/silver/bars"


def prepare(inputs: Path, scale: float) -> int:
    """Ten sessions of five-minute bars of 500 symbols, a commit and a file every five minutes."""
    lake = Lake(str(inputs / "lake"))
    create_tables(lake)
    names = sorted(load_histories())[:_SYMBOLS]
    generator = np.random.default_rng(1929)
    sessions = _SESSIONS[-max(1, round(len(_SESSIONS) * scale)) :]
    return sum(_append_ticks(lake, session, draw_day(session, names, generator)) for session in sessions)


def _append_ticks(lake: Lake, session: Session, bars: pl.DataFrame) -> int:
    for number in range(_BARS):
        start = session.open_at + timedelta(minutes=5 * number)
        append(lake, BARS, bars.filter(pl.col("timestamp") == start))
    return bars.height


def _maintain(engine: str) -> Callable[[RunContext, SparkSession, Path], object]:
    """What `lakehouse maintain` does with the table: compacted, compared row by row, vacuumed, recorded."""

    def maintain(ctx: RunContext, spark: SparkSession, _inputs: Path) -> None:
        maintain_table(ctx, spark if engine == SPARK else None, BARS)

    return maintain


def delta_rs(inputs: Path, folder: Path) -> Generator[None]:
    """delta-rs' own compaction and vacuum."""
    copy_lake(inputs, folder)
    yield
    table = DeltaTable(str(folder / _TABLE))
    table.optimize.compact()
    table.vacuum(_RETAIN_HOURS, dry_run=False)
    yield


def spark(session: SparkSession, _inputs: Path, folder: Path) -> None:
    """Delta's OPTIMIZE and VACUUM, settings as they come."""
    session.sql(f"OPTIMIZE delta.`{folder / _TABLE}`").collect()
    session.sql(f"VACUUM delta.`{folder / _TABLE}` RETAIN {_RETAIN_HOURS} HOURS").collect()


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """The table's rows, and the number of files that each day has."""
    actions = pa.table(DeltaTable(str(folder / _TABLE)).get_add_actions(flatten=True))
    files = Counter(map(str, actions["partition.partition_dt"].to_pylist()))
    rows = pl.scan_delta(str(folder / _TABLE)).select(BARS.columns).collect()
    return {
        "bars": rows.to_arrow(),
        "files": pa.table({"partition_dt": list(files), "files": list(files.values())}),
    }


CASE = Case(
    name="compaction",
    title="Compact ten days of five-minute bars from 780 small files to one file per day; look for old files",
    prepare=prepare,
    contestants=(
        Contestant(LAKEHOUSE, EMBEDDED, contesting(_maintain(EMBEDDED), EMBEDDED), answer),
        Contestant("delta-rs", NO_ENGINE, delta_rs, answer),
        Contestant(LAKEHOUSE, SPARK, contesting(_maintain(SPARK), SPARK), answer),
        Contestant("pyspark", SPARK, twice(spark, copy_lake), answer),
    ),
)
