"""The daily history by DuckDB, from Parquet to Parquet: no gates, no history, bad rows left out."""

from collections.abc import Generator, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.peers.daily_columns import ANSWER
from benchmarks.peers.sessions import new_york_sessions

DELIVERED = """
WITH bodies AS (
    SELECT symbol, payload_id, (decode(body)::JSON->'Time Series (Daily)')::MAP(VARCHAR, STRUCT(
        "1. open" DECIMAL(24,12), "2. high" DECIMAL(24,12), "3. low" DECIMAL(24,12), "4. close" DECIMAL(24,12),
        "5. volume" DECIMAL(28,8))) AS series
    FROM payloads
), texts AS (
    SELECT symbol, payload_id, unnest(map_entries(series)) AS bar FROM bodies
), typed AS (
    SELECT symbol, payload_id, bar.key::date AS trade_dt, bar.value."1. open" AS open, bar.value."2. high" AS high,
        bar.value."3. low" AS low, bar.value."4. close" AS close, bar.value."5. volume" AS volume
    FROM texts
)
SELECT symbol, timezone('America/New_York', trade_dt::timestamp) AS "timestamp", trade_dt, 'regular' AS session,
    open, high, low, close, volume, payload_id
FROM typed SEMI JOIN sessions USING (trade_dt)
WHERE low > 0 AND high >= greatest(open, low, close) AND low <= least(open, high, close)
QUALIFY row_number() OVER (PARTITION BY symbol, trade_dt ORDER BY payload_id DESC) = 1
"""
_DAYS = """
CREATE TABLE days AS
WITH numbers AS (
    SELECT symbol, trade_dt, session_no, is_half_day, open, high, low, close::double AS close, volume::double AS volume,
        round((high::double + low::double + close::double) / 3, 6) AS average_price,
        CASE WHEN volume > 0 THEN round((high::double + low::double + close::double) / 3, 6) END AS vwap
    FROM bars JOIN sessions USING (trade_dt)
), changed AS (
    SELECT *, CASE WHEN session_no - lag(session_no) OVER series <= 20 THEN lag(close) OVER series END AS before
    FROM numbers WINDOW series AS (PARTITION BY symbol ORDER BY session_no)
), returns AS (
    SELECT *, round(close - before, 6) AS price_change, round((close - before) * 100 / before, 6) AS price_change_pct,
        CASE WHEN NOT is_half_day THEN volume END AS full_volume
    FROM changed
)
SELECT *, round(avg(close) OVER (PARTITION BY symbol ORDER BY session_no RANGE 6 PRECEDING), 6) AS "7d_avg",
    CASE WHEN count(price_change_pct) OVER month >= 5
        THEN round(stddev_samp(price_change_pct) OVER month * sqrt(252), 6) END AS volatility_score,
    CASE WHEN NOT is_half_day THEN round((volume / nullif(avg(full_volume) OVER (
        PARTITION BY symbol ORDER BY session_no RANGE BETWEEN 20 PRECEDING AND 1 PRECEDING), 0) - 1) * 100, 6)
    END AS volume_spike_pct
FROM returns WINDOW month AS (PARTITION BY symbol ORDER BY session_no RANGE 19 PRECEDING)
"""
_SIGNALS = """
CREATE TABLE signals AS
SELECT symbol, trade_dt, 'Volume Spike % Alert' AS signal, volume_spike_pct AS value, 100.0 AS threshold,
    coalesce(volume_spike_pct >= 100, false) AS is_triggered,
    CASE WHEN is_half_day THEN 'half day: volume is not compared'
        WHEN volume_spike_pct IS NULL THEN 'no full session before to compare with'
        ELSE format('volume is {:.1f}{} the mean of the last 20 sessions', abs(volume_spike_pct),
            CASE WHEN volume_spike_pct < 0 THEN '% below' ELSE '% above' END) END AS reason
FROM days
UNION ALL
SELECT symbol, trade_dt, 'P/E Ratio Alert', NULL, 40.0, false, 'no earnings were known at the session''s end' FROM days
"""
_OVERVIEW = """
CREATE TABLE stock_overview AS
SELECT days.*, coalesce(triggered_signals, '') AS triggered_signals
FROM days LEFT JOIN (
    SELECT symbol, trade_dt, string_agg(signal, ', ' ORDER BY signal) AS triggered_signals
    FROM signals WHERE is_triggered GROUP BY ALL
) USING (symbol, trade_dt)
"""
STATEMENTS = (_DAYS, _SIGNALS, _OVERVIEW)
_CHOICE = {"bars": "bars", "daily_kpis": "days", "stock_overview": "stock_overview"}


def run(inputs: Path, folder: Path) -> Generator[None]:
    """Payloads to four Parquet files."""
    yield
    payloads = [str(path) for path in (inputs / "lake/bronze/raw_payloads").glob("*.parquet")]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("sessions", new_york_sessions().to_arrow())
        connection.read_parquet(payloads).create_view("payloads")
        connection.execute(f"CREATE TABLE bars AS {DELIVERED}")
        for statement in STATEMENTS:
            connection.execute(statement)
        connection.execute(f"COPY signals TO '{folder / 'signals.parquet'}'")
        for name, source in _CHOICE.items():
            columns = ", ".join(f'"{column}"' for column in ANSWER[name])
            target = folder / f"{name}.parquet"
            connection.execute(f"COPY (SELECT {columns} FROM {source}) TO '{target}'")  # noqa: S608 - our names
    yield


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """The tables that all contestants have."""
    return {
        name: duckdb.read_parquet(str(folder / f"{name}.parquet")).select(*columns).to_arrow_table()
        for name, columns in ANSWER.items()
    }
