"""A tick by delta-rs and Polars: what is new is merged, its days' figures again; no gates, no history."""

import json
from collections.abc import Generator, Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

from benchmarks.lakes import copy_lake
from benchmarks.peers.intraday_polars import PRICES, typed_bars
from benchmarks.peers.sessions import new_york_sessions
from benchmarks.peers.tick_columns import (
    BAR_CONSTANTS,
    BAR_KEYS,
    BARS,
    DAY_CONSTANTS,
    KPI_KEYS,
    KPIS,
    MINUTES,
    WINDOW,
)

_NEAR = timedelta(days=2 * WINDOW)


def run(inputs: Path, folder: Path) -> Generator[None]:
    """The answers of a tick into bars and daily_kpis."""
    copy_lake(inputs, folder)
    yield
    lake = folder / "lake"
    landed = pl.DataFrame(json.loads((inputs / "tick.json").read_text(encoding="utf-8")))
    sessions = new_york_sessions()
    new = unknown(lake, bars_of(landed, sessions))
    upsert(lake / BARS, new, BAR_KEYS)
    upsert(lake / KPIS, key_figures(lake, new, sessions), KPI_KEYS)
    yield


def bars_of(landed: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """The answers' bars of regular sessions, with the columns of the table."""
    bars = typed_bars(landed.select("symbol", "payload_id", "body"))
    known_from = landed.select("payload_id", pl.col("fetched_at").str.to_datetime(time_zone="UTC"))
    is_regular = pl.col("timestamp").is_between("opened", "closed", closed="left")
    in_order = (pl.col("high") >= pl.max_horizontal("open", "low", "close")) & (
        pl.col("low") <= pl.min_horizontal("open", "high", "close")
    )
    return (
        bars.join(sessions, on="trade_dt")
        .filter(is_regular & in_order & (pl.col("low") > 0))
        .join(known_from, on="payload_id")
        .with_columns(
            *(pl.lit(value).alias(name) for name, value in BAR_CONSTANTS.items()),
            pl.lit("regular").alias("session"),
            pl.lit(value=False).alias("is_simulated"),
            pl.col("fetched_at").alias("known_from"),
            pl.lit(None, pl.Datetime("us", "UTC")).alias("known_to"),
            pl.col("trade_dt").alias("partition_dt"),
        )
    )


def unknown(lake: Path, bars: pl.DataFrame) -> pl.DataFrame:
    """Those that the table does not have, or not with these values."""
    stored = pl.scan_delta(str(lake / BARS)).filter(
        pl.col("partition_dt").is_in(bars["trade_dt"].unique().to_list())
    )
    same = ["symbol", "timestamp", *PRICES, "volume"]
    return bars.join(stored.select(same).collect(), on=same, how="anti")


def key_figures(lake: Path, new: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """The rows of daily_kpis of the symbols and days of these bars."""
    touched = new.select("symbol", "trade_dt").unique()
    days = touched["trade_dt"].unique().to_list()
    bars = pl.scan_delta(str(lake / BARS)).filter(pl.col("partition_dt").is_in(days)).collect()
    figures = day_figures(bars.join(touched, on=["symbol", "trade_dt"], how="semi"))
    dated = pl.concat([closes_before(lake, days), figures], how="diagonal_relaxed").join(
        sessions, on="trade_dt"
    )
    close = pl.col("close").cast(pl.Float64)
    near = pl.col("session_no").diff().over("symbol") <= WINDOW
    before = pl.when(near).then(close.shift(1).over("symbol"))
    minutes = (pl.col("closed") - pl.col("opened")).dt.total_minutes()
    return (
        dated.sort("symbol", "session_no")
        .with_columns(
            (close - before).round(6).alias("price_change"),
            ((close - before) * 100 / before).round(6).alias("price_change_pct"),
            (minutes / MINUTES).ceil().cast(pl.Int64).alias("expected_bars"),
            *(pl.lit(value).alias(name) for name, value in DAY_CONSTANTS.items()),
            pl.col("trade_dt").alias("basis_dt"),
            pl.lit(value=False).alias("is_simulated"),
            pl.col("trade_dt").dt.truncate("1y").alias("partition_dt"),
        )
        .join(touched, on=["symbol", "trade_dt"], how="semi")
    )


def day_figures(bars: pl.DataFrame) -> pl.DataFrame:
    """A row a symbol and day."""
    typical = pl.sum_horizontal(pl.col("high", "low", "close").cast(pl.Float64)) / 3
    volume = pl.col("volume").cast(pl.Float64)
    return (
        bars.sort("timestamp")
        .group_by("symbol", "trade_dt", maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            typical.mean().round(6).alias("average_price"),
            ((typical * volume).sum() / pl.when(volume.sum() > 0).then(volume.sum())).round(6).alias("vwap"),
            pl.col("volume").sum(),
            pl.len().cast(pl.Int64).alias("bar_count"),
        )
    )


def closes_before(lake: Path, days: Sequence[date]) -> pl.DataFrame:
    """symbol, trade_dt and close of the sessions before these days."""
    first = min(days) - _NEAR
    stored = pl.scan_delta(str(lake / KPIS)).filter(
        (pl.col("partition_dt") >= date(first.year, 1, 1)) & (pl.col("trade_dt") >= first)
    )
    is_ours = (pl.col("interval") == "5min") & ~pl.col("trade_dt").is_in(days)
    return stored.filter(is_ours).select("symbol", "trade_dt", "close").collect()


def upsert(path: Path, rows: pl.DataFrame, keys: Sequence[str]) -> None:
    """Merges rows by key into a Delta table, whose columns and types they get."""
    table = DeltaTable(path)
    declared = pl.scan_delta(table).collect_schema()
    typed = rows.select(pl.col(name).cast(kind) for name, kind in declared.items())
    dates: list[date] = sorted(typed["partition_dt"].unique().to_list())
    same_key = " AND ".join(f't."{key}" = s."{key}"' for key in keys)
    # literal dates: without them all of the table is read, into memory
    same_key += f" AND t.partition_dt >= date '{dates[0]}' AND t.partition_dt <= date '{dates[-1]}'"
    merge = table.merge(typed.to_arrow(), same_key, source_alias="s", target_alias="t")
    merge.when_matched_update_all().when_not_matched_insert_all().execute()
