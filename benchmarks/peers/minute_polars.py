"""Minute bars by delta-rs and Polars, a file at a time: no gates, no history, bad rows left out."""

from collections.abc import Generator, Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa

from benchmarks.peers.minute_columns import ANSWER
from benchmarks.peers.sessions import new_york_sessions

_PRICES = ("open", "high", "low", "close")


def run(inputs: Path, folder: Path) -> Generator[None]:
    """Files to a Delta table partitioned by day."""
    yield
    sessions = new_york_sessions()
    for path in sorted((inputs / "lake/landing").iterdir()):
        bars = usable_bars(pl.read_csv(path, infer_schema=False), sessions)
        options = {"partition_by": ["trade_dt"]}
        bars.write_delta(str(folder / "bars"), mode="append", delta_write_options=options)
    yield


def usable_bars(texts: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Typed bars of sessions whose prices are in order, once each."""
    instant = pl.col("window_start").cast(pl.Int64).floordiv(1000).cast(pl.Datetime("us", "UTC"))
    session = (
        pl.when(pl.col("timestamp").is_between("opened", "closed", closed="left"))
        .then(pl.lit("regular"))
        .when(pl.col("timestamp") < pl.col("opened"))
        .then(pl.lit("pre"))
        .otherwise(pl.lit("post"))
    )
    is_usable = (
        (pl.col("low") > 0)
        & (pl.col("high") >= pl.max_horizontal("open", "low", "close"))
        & (pl.col("low") <= pl.min_horizontal("open", "high", "close"))
        & (pl.col("volume") >= 0)
    )
    return (
        texts.lazy()
        .select(
            pl.col("ticker").alias("symbol"),
            instant.alias("timestamp"),
            *(pl.col(name).cast(pl.Decimal(24, 12)) for name in _PRICES),
            pl.col("volume").cast(pl.Decimal(28, 8)),
        )
        .filter(is_usable)
        .with_columns(
            pl.col("timestamp").dt.convert_time_zone("America/New_York").dt.date().alias("trade_dt")
        )
        .join(sessions.lazy().select("trade_dt", "opened", "closed"), on="trade_dt")
        .with_columns(session.alias("session"))
        .unique(["symbol", "timestamp"])
        .select(ANSWER)
        .collect()
    )


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """The bars."""
    return {"bars": pl.read_delta(str(folder / "bars")).select(ANSWER).to_arrow()}
