"""Minute bars by DuckDB, from CSV to Parquet: no gates, no history, bad rows left out."""

from collections.abc import Generator, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.peers.minute_columns import ANSWER
from benchmarks.peers.sessions import new_york_sessions

_BARS = """
COPY (
    WITH typed AS (
        SELECT ticker AS symbol, make_timestamptz(window_start // 1000) AS "timestamp",
            timezone('America/New_York', make_timestamptz(window_start // 1000))::date AS trade_dt,
            open, high, low, close, volume
        FROM read_csv($files, header = true, columns = {
            'ticker': 'VARCHAR', 'volume': 'DECIMAL(28,8)', 'open': 'DECIMAL(24,12)', 'close': 'DECIMAL(24,12)',
            'high': 'DECIMAL(24,12)', 'low': 'DECIMAL(24,12)', 'window_start': 'BIGINT', 'transactions': 'BIGINT'})
    )
    SELECT symbol, "timestamp", trade_dt,
        CASE WHEN "timestamp" < opened THEN 'pre' WHEN "timestamp" < closed THEN 'regular' ELSE 'post' END AS session,
        open, high, low, close, volume
    FROM typed JOIN sessions USING (trade_dt)
    WHERE low > 0 AND high >= greatest(open, low, close) AND low <= least(open, high, close) AND volume >= 0
    QUALIFY row_number() OVER (PARTITION BY symbol, "timestamp") = 1
) TO '{target}' (FORMAT parquet, PARTITION_BY (trade_dt), WRITE_PARTITION_COLUMNS true)
"""


def run(inputs: Path, folder: Path) -> Generator[None]:
    """Files to Parquet partitioned by day, a file at a time: all at once it needs more memory than there is."""
    yield
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("sessions", new_york_sessions().to_arrow())
        for path in sorted((inputs / "lake/landing").iterdir()):
            target = folder / "bars" / path.name
            target.mkdir(parents=True)
            connection.execute(_BARS.replace("{target}", str(target)), {"files": str(path)})
    yield


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """The bars."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        columns = ", ".join(f'"{name}"' for name in ANSWER)
        files = f"{folder}/bars/**/*.parquet"
        return {"bars": connection.execute(f"SELECT {columns} FROM '{files}'").to_arrow_table()}  # noqa: S608 - ours
