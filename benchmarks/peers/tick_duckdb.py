"""A tick by DuckDB over Parquet: the partitions of what is new are written again; no gates, no history."""

import os
from collections.abc import Generator, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from benchmarks.peers.intraday_duckdb import TYPED_BARS
from benchmarks.peers.sessions import new_york_sessions
from benchmarks.peers.tick_columns import (
    ANSWER,
    BAR_CONSTANTS,
    BARS,
    DAY_CONSTANTS,
    DAYS,
    KPIS,
    MINUTES,
    WINDOW,
)

_PARTITION = "partition_dt"
_BAR_CONSTANTS = ", ".join(f"'{value}' AS \"{name}\"" for name, value in BAR_CONSTANTS.items())
_DAY_CONSTANTS = ", ".join(f"'{value}' AS \"{name}\"" for name, value in DAY_CONSTANTS.items())
_LANDED = """
CREATE TABLE landed AS SELECT * FROM read_json($path, maximum_object_size = 1_000_000_000, columns = {
    'symbol': 'VARCHAR', 'payload_id': 'VARCHAR', 'fetched_at': 'TIMESTAMPTZ', 'body': 'VARCHAR'})
"""
_BATCH = f"""
CREATE TABLE batch AS
SELECT {_BAR_CONSTANTS}, bars.*, 'regular' AS session, false AS is_simulated, fetched_at AS known_from,
    NULL::timestamptz AS known_to, trade_dt AS partition_dt
FROM ({TYPED_BARS.format(payloads="landed")}) AS bars JOIN sessions USING (trade_dt)
    JOIN landed USING (payload_id, symbol)
WHERE "timestamp" >= opened AND "timestamp" < closed
    AND low > 0 AND high >= greatest(open, low, close) AND low <= least(open, high, close)
"""  # noqa: S608 - our names
_READ = "read_parquet({files}, hive_partitioning = true, hive_types = {{'partition_dt': DATE}})"
_NEW = """
CREATE TABLE new AS
SELECT * FROM batch ANTI JOIN {stored} USING (symbol, "timestamp", open, high, low, close, volume)
"""
_KEPT = "CREATE TABLE {name} AS SELECT * FROM {stored} ANTI JOIN {rows} USING ({keys})"
_ADD = "INSERT INTO {name} SELECT {columns} FROM {rows}"
_FIGURES = """
CREATE TABLE figures AS
WITH touched AS (SELECT DISTINCT symbol, trade_dt FROM new), days AS (
    SELECT symbol, trade_dt, first(open ORDER BY "timestamp") AS open, max(high) AS high, min(low) AS low,
        last(close ORDER BY "timestamp") AS close,
        round(avg((high::double + low::double + close::double) / 3), 6) AS average_price,
        round(sum((high::double + low::double + close::double) / 3 * volume::double)
            / nullif(sum(volume::double), 0), 6) AS vwap,
        sum(volume) AS volume, count(*) AS bar_count
    FROM bars SEMI JOIN touched USING (symbol, trade_dt) GROUP BY ALL
), closes AS (
    SELECT symbol, trade_dt, close FROM {stored} ANTI JOIN touched USING (symbol, trade_dt)
    WHERE "interval" = '5min'
    UNION ALL SELECT symbol, trade_dt, close FROM days
), changes AS (
    SELECT symbol, trade_dt, close::double AS now, closed, opened,
        CASE WHEN session_no - lag(session_no) OVER series <= {window} THEN lag(close) OVER series END::double
            AS before
    FROM closes JOIN sessions USING (trade_dt) WINDOW series AS (PARTITION BY symbol ORDER BY session_no)
)
SELECT {constants}, days.*, round(now - before, 6) AS price_change,
    round((now - before) * 100 / before, 6) AS price_change_pct, trade_dt AS basis_dt, false AS is_simulated,
    ceil(date_diff('minute', opened, closed) / {minutes})::bigint AS expected_bars,
    date_trunc('year', trade_dt)::date AS partition_dt
FROM days JOIN changes USING (symbol, trade_dt)
"""


def run(inputs: Path, folder: Path) -> Generator[None]:
    """The answers of a tick into the Parquet files of bars and daily_kpis."""
    for name in (BARS, KPIS):
        lay(inputs / "lake" / name, folder / name)
    yield
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("sessions", new_york_sessions().to_arrow())
        connection.execute(_LANDED, {"path": str(inputs / "tick.json")})
        connection.execute(_BATCH)
        stored = stored_rows(connection, folder / BARS, "SELECT partition_dt FROM batch")
        connection.execute(_NEW.format(stored=stored))
        keys = 'provider, symbol, "interval", "timestamp"'
        refresh(connection, folder / BARS, "new", ("bars", keys))
        # the year before too: a close is looked for in it
        years = "SELECT unnest([date_trunc('year', d) for d in [trade_dt, trade_dt - 40]])::date FROM new"
        stored = stored_rows(connection, folder / KPIS, years)
        figures = {"stored": stored, "window": WINDOW, "minutes": MINUTES, "constants": _DAY_CONSTANTS}
        connection.execute(_FIGURES.format(**figures))
        refresh(connection, folder / KPIS, "figures", ("kpis", 'provider, symbol, "interval", trade_dt'))
    yield


def lay(source: Path, target: Path) -> None:
    """The current files of a Delta table, linked: Parquet by partition."""
    for name in DeltaTable(source).get_add_actions(flatten=True).column("path").to_pylist():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(source / name, target / name)


def stored_rows(connection: duckdb.DuckDBPyConnection, folder: Path, partitions: str) -> str:
    """A FROM clause of the stored rows of the partitions that a SELECT names."""
    days = connection.execute(f"SELECT DISTINCT * FROM ({partitions})").fetchall()  # noqa: S608 - our names
    files = [str(path) for (day,) in days for path in folder.glob(f"{_PARTITION}={day}/*.parquet")]
    return _READ.format(files=files)


def refresh(connection: duckdb.DuckDBPyConnection, folder: Path, rows: str, table: tuple[str, str]) -> None:
    """Writes the partitions again that the table `rows` has rows of, by key, as a table of its own before."""
    name, keys = table
    stored = stored_rows(connection, folder, f"SELECT {_PARTITION} FROM {rows}")  # noqa: S608 - our names
    connection.execute(_KEPT.format(name=name, stored=stored, rows=rows, keys=keys))
    columns = ", ".join(map(_quoted, connection.table(name).columns))
    connection.execute(_ADD.format(name=name, rows=rows, columns=columns))
    for (day,) in connection.execute(f"SELECT DISTINCT {_PARTITION} FROM {name}").fetchall():  # noqa: S608 - ours
        before = list((folder / f"{_PARTITION}={day}").glob("*.parquet"))
        target = folder / f"{_PARTITION}={day}" / "refreshed.parquet"
        chosen = f"SELECT * EXCLUDE {_PARTITION} FROM {name} WHERE {_PARTITION} = '{day}'"  # noqa: S608 - ours
        connection.execute(f"COPY ({chosen}) TO '{target}'")
        for path in before:
            path.unlink()


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """The bars and key figures of the days that the tick can touch."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return {
            Path(name).name: connection.sql(
                f"SELECT {', '.join(map(_quoted, columns))} FROM '{folder / name}/*/*.parquet' "  # noqa: S608 - ours
                f"WHERE trade_dt >= '{DAYS[0]}'"
            ).to_arrow_table()
            for name, columns in ANSWER.items()
        }


def _quoted(name: str) -> str:
    return f'"{name}"'
