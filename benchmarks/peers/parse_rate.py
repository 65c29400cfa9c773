"""Landed payloads to typed rows in Parquet, by Polars, DuckDB and plain PySpark."""

from collections.abc import Generator
from pathlib import Path

import duckdb
import polars as pl
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from benchmarks.peers.intraday_duckdb import TYPED_BARS
from benchmarks.peers.intraday_polars import typed_bars
from benchmarks.peers.intraday_spark import typed_bars as typed_bars_df

COLUMNS = ("symbol", "payload_id", "timestamp", "trade_dt", "open", "high", "low", "close", "volume")
TYPED = "typed"
_PAYLOADS = "lake/bronze/raw_payloads"


def by_polars(inputs: Path, folder: Path) -> Generator[None]:
    """json, then Polars."""
    (folder / TYPED).mkdir()
    yield
    payloads = pl.read_delta(str(inputs / _PAYLOADS), columns=["symbol", "payload_id", "body"])
    typed_bars(payloads).write_parquet(folder / TYPED / "bars.parquet")
    yield


def by_duckdb(inputs: Path, folder: Path) -> Generator[None]:
    """DuckDB alone."""
    (folder / TYPED).mkdir()
    yield
    files = DeltaTable(inputs / _PAYLOADS).file_uris()
    payloads = f"(SELECT symbol, payload_id, decode(body) AS body FROM read_parquet({files}))"  # noqa: S608 - our names
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        target = folder / TYPED / "bars.parquet"
        connection.execute(f"COPY ({TYPED_BARS.format(payloads=payloads)}) TO '{target}'")
    yield


def by_spark(spark: SparkSession, inputs: Path, folder: Path) -> None:
    """Plain PySpark."""
    payloads_df = spark.read.format("delta").load(str(inputs / _PAYLOADS))
    typed_bars_df(payloads_df).select(*COLUMNS).write.parquet(str(folder / TYPED))
