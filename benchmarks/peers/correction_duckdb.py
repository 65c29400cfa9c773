"""One symbol's daily bars delivered again, by DuckDB: each Parquet file is written anew, its rows replaced."""

from collections.abc import Generator
from pathlib import Path

import duckdb
import polars as pl

from benchmarks.lakes import kept_payloads
from benchmarks.peers.correction_tables import DELIVERY, lay_duckdb
from benchmarks.peers.daily_columns import ANSWER, BARS, KPIS, OVERVIEW, SIGNALS
from benchmarks.peers.daily_duckdb import DELIVERED, STATEMENTS
from benchmarks.peers.sessions import new_york_sessions

_STORED = "CREATE TABLE stored AS SELECT * FROM read_parquet($bars) WHERE symbol = $symbol"
_CHANGED = """
CREATE TABLE changed AS
SELECT * FROM delivered ANTI JOIN stored USING (trade_dt, open, high, low, close, volume)
"""
_BARS = """
CREATE TABLE bars AS
SELECT * FROM changed UNION ALL BY NAME (SELECT * FROM stored ANTI JOIN changed USING (trade_dt))
"""
# Of each file: the table that its rows come from, and which columns.
_FILES = {
    BARS: ("bars", ANSWER[BARS]),
    KPIS: ("days", ANSWER[KPIS]),
    SIGNALS: ("signals", ["*"]),
    OVERVIEW: ("stock_overview", ANSWER[OVERVIEW]),
}


def run(inputs: Path, folder: Path) -> Generator[None]:
    """Bars whose values differ take the place of those stored; the symbol's figures are computed anew."""
    lay_duckdb(inputs, folder)
    yield
    payloads = pl.DataFrame(kept_payloads(inputs / DELIVERY)).select("symbol", "payload_id", "body")
    symbol = payloads["symbol"].item()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("sessions", new_york_sessions().to_arrow())
        connection.register("payloads", payloads.to_arrow())
        connection.execute(f"CREATE TABLE delivered AS {DELIVERED}")
        connection.execute(_STORED, {"bars": str(folder / f"{BARS}.parquet"), "symbol": symbol})
        connection.execute(_CHANGED)
        if connection.execute("SELECT count(*) > 0 FROM changed").fetchall() == [(True,)]:
            connection.execute(_BARS)
            for statement in STATEMENTS:
                connection.execute(statement)
            for name, (source, columns) in _FILES.items():
                replace(connection, folder / f"{name}.parquet", source, symbol, columns)
    yield


def replace(
    connection: duckdb.DuckDBPyConnection, path: Path, source: str, symbol: str, columns: list[str]
) -> None:
    """The symbol's rows of a file: all others and the new ones go into a new file, which takes its place."""
    chosen = ", ".join("*" if name == "*" else f'"{name}"' for name in columns)
    new = path.with_suffix(".new")
    connection.execute(
        f"COPY (SELECT * FROM '{path}' WHERE symbol <> $symbol "  # noqa: S608 - our names
        f"UNION ALL BY NAME SELECT {chosen} FROM {source}) TO '{new}' (FORMAT parquet)",
        {"symbol": symbol},
    )
    new.replace(path)
