"""A day's ticks by DuckDB, from CSV to Parquet: no gates, no history, bad rows left out."""

from collections.abc import Generator, Mapping
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

from benchmarks.peers.sessions import new_york_sessions
from benchmarks.peers.tick_day_columns import (
    CANCELLED,
    COUNTS,
    DAY,
    EXTENDED_HOURS,
    FEATURES,
    MARKS,
    MINUTES,
    NOT_HAPPENED,
    QUOTE_KEYS,
    QUOTES,
    TRADE_KEYS,
    TRADES,
)
from benchmarks.peers.tick_day_polars import answer_of

_TICK = {
    "ticker": "VARCHAR",
    "conditions": "VARCHAR",
    **dict.fromkeys(("participant_timestamp", "sip_timestamp", "trf_timestamp", "sequence_number"), "BIGINT"),
    "tape": "INTEGER",
}
_TRADE = {
    **_TICK,
    "id": "VARCHAR",
    **dict.fromkeys(("correction", "exchange", "trf_id"), "INTEGER"),
    "price": "DECIMAL(18,6)",
    "size": "DECIMAL(20,6)",
}
_QUOTE = {
    **_TICK,
    "indicators": "VARCHAR",
    **dict.fromkeys(("ask_exchange", "bid_exchange"), "INTEGER"),
    **dict.fromkeys(("ask_price", "bid_price"), "DECIMAL(18,6)"),
    **dict.fromkeys(("ask_size", "bid_size"), "DECIMAL(20,6)"),
}
_SHARED = """
    ticker AS symbol, DATE '{day}' AS trade_dt, make_timestamptz(sip_timestamp // 1000) AS "timestamp",
    sip_timestamp AS sip_timestamp_ns, participant_timestamp AS participant_timestamp_ns,
    nullif(trf_timestamp, 0) AS trf_timestamp_ns, sequence_number, tape, conditions,
    CASE WHEN sip_timestamp < {first} THEN 'closed' WHEN sip_timestamp < {opened} THEN 'pre'
        WHEN sip_timestamp < {closed} THEN 'regular' WHEN sip_timestamp < {end} THEN 'post' ELSE 'closed' END AS session,
    coalesce(sip_timestamp < max(sip_timestamp) OVER (PARTITION BY ticker ORDER BY sequence_number, sip_timestamp
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false) AS is_out_of_order
"""
_COUNTS = ", ".join(
    f"NOT ({' OR '.join(f'''coalesce(regexp_matches(conditions, '{each}'), false)''' for each in patterns)}) AS {name}"
    for name, patterns in COUNTS.items()
)
_MARKS = ", ".join(
    f"coalesce(regexp_matches(conditions, '{pattern}'), false) AS {name}" for name, pattern in MARKS.items()
)
_TRADES = f"""
WITH ticks AS (
    SELECT {{shared}}, id AS trade_id, exchange, trf_id, price, size, correction,
        correction IN {CANCELLED} AS is_cancelled, {_MARKS}, {_COUNTS}
    FROM {{rows}}
)
SELECT {", ".join(f'"{name}"' for name in TRADES)} FROM ticks WHERE price > 0 AND size >= 0
QUALIFY row_number() OVER (PARTITION BY {", ".join(TRADE_KEYS)}) = 1
"""  # noqa: S608 - our names
_QUOTES = f"""
WITH ticks AS (
    SELECT {{shared}}, nullif(bid_price, 0) AS bid_price, bid_size, bid_exchange, nullif(ask_price, 0) AS ask_price,
        ask_size, ask_exchange, 'round_lot' AS size_unit, indicators
    FROM {{rows}} WHERE bid_price >= 0 AND bid_size >= 0 AND ask_price >= 0 AND ask_size >= 0
), marked AS (
    SELECT *, bid_price IS NULL OR ask_price IS NULL AS is_one_sided,
        coalesce(bid_price > ask_price, false) AS is_crossed, coalesce(bid_price = ask_price, false) AS is_locked
    FROM ticks
)
SELECT {", ".join(f'"{name}"' for name in QUOTES)} FROM marked
QUALIFY row_number() OVER (PARTITION BY {", ".join(QUOTE_KEYS)}) = 1
"""  # noqa: S608 - our names
_FEATURES = f"""
WITH traded AS (
    SELECT symbol, trade_dt, date_trunc('minute', "timestamp") AS minute, min(session) AS session,
        arg_max(price, (sip_timestamp_ns, sequence_number)) FILTER (updates_open_close)::double AS close,
        coalesce(sum(size) FILTER (updates_volume), 0)::double AS volume, count(*) AS trade_count
    FROM read_parquet($trades) WHERE correction NOT IN {NOT_HAPPENED} GROUP BY ALL
), quoted AS (
    SELECT symbol, trade_dt, date_trunc('minute', "timestamp") AS minute, min(session) AS session,
        arg_max({{'bid': bid_price, 'ask': ask_price}}, (sip_timestamp_ns, sequence_number))
            FILTER (NOT is_one_sided) AS quote,
        count(*) AS quote_count
    FROM read_parquet($quotes) GROUP BY ALL
), minutes AS (
    SELECT symbol, trade_dt, minute, coalesce(traded.session, quoted.session) AS session,
        quote.bid::double AS bid, quote.ask::double AS ask, close, coalesce(volume, 0) AS volume,
        coalesce(quote_count, 0) AS quote_count, coalesce(trade_count, 0) AS trade_count,
        epoch(minute)::bigint // 60 AS minute_no
    FROM traded FULL JOIN quoted USING (symbol, trade_dt, minute)
), looking_back AS (
    SELECT *, close / last_value(close IGNORE NULLS) OVER (
            PARTITION BY symbol ORDER BY minute_no ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS growth,
        CASE WHEN minute_no - min(minute_no) OVER (PARTITION BY symbol) >= {MINUTES} THEN coalesce(sum(volume) OVER (
            PARTITION BY symbol ORDER BY minute_no RANGE BETWEEN {MINUTES} PRECEDING AND 1 PRECEDING), 0) END AS before
    FROM minutes
), figures AS (
    SELECT *, minute AS "timestamp", round(ask - bid, 6) AS spread, round((bid + ask) / 2, 7) AS mid_price,
        round((ask - bid) * 200 / (bid + ask), 6) AS spread_pct, round(before / {MINUTES}, 6) AS volume_avg_20,
        round(volume * {MINUTES} / nullif(before, 0), 6) AS volume_ratio_20, growth - 1 AS "return",
        round(ln(growth), 12) AS log_return
    FROM looking_back
)
SELECT {", ".join(f'"{name}"' for name in FEATURES)} FROM figures
"""  # noqa: S608 - our names
_SESSION = f"""
SELECT epoch_ns(opened) AS opened, epoch_ns(closed) AS closed,
    epoch_ns(timezone('America/New_York', trade_dt + INTERVAL {EXTENDED_HOURS[0]} HOUR)) AS first,
    epoch_ns(timezone('America/New_York', trade_dt + INTERVAL {EXTENDED_HOURS[1]} HOUR)) AS end
FROM sessions WHERE trade_dt = '{DAY}'
"""  # noqa: S608 - our names


def run(inputs: Path, folder: Path) -> Generator[None]:
    """Files to three Parquet files."""
    yield
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("sessions", new_york_sessions().to_arrow())
        names = ("opened", "closed", "first", "end")
        marks = dict(zip(names, connection.execute(_SESSION).fetchall()[0], strict=True))
        shared = _SHARED.format(day=DAY, **marks)
        for name, kinds, query in (("trades", _TRADE, _TRADES), ("quotes", _QUOTE, _QUOTES)):
            rows = f"read_csv('{inputs}/lake/landing/{name}_v1.csv.gz', header = true, types = {kinds})"
            chosen = query.replace("{shared}", shared).replace("{rows}", rows)  # patterns have braces, too
            copy(connection, chosen, folder / f"{name}.parquet")
        sources = {name: str(folder / f"{name}.parquet") for name in ("trades", "quotes")}
        copy(connection, _FEATURES, folder / "tick_features.parquet", sources)
    yield


def copy(
    connection: duckdb.DuckDBPyConnection, query: str, target: Path, values: Mapping[str, str] | None = None
) -> None:
    """Writes what the query gives."""
    connection.execute(f"COPY ({query}) TO '{target}'", values)


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """A digest of the ticks, and the minutes' figures."""
    names = ("trades", "quotes", "tick_features")
    return answer_of({name: pl.scan_parquet(folder / f"{name}.parquet") for name in names})
