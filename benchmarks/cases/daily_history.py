"""A year's daily bars of 524 symbols, from landed payloads to Silver and Gold."""

import hashlib
from collections.abc import Generator, Mapping
from pathlib import Path

import pyarrow as pa

from benchmarks.case import EMBEDDED, LAKEHOUSE, NO_ENGINE, SPARK, Case, Contestant, Work
from benchmarks.lakes import FETCHED, build, copy_lake, rows_of, warm_session, workspace
from benchmarks.peers import daily_duckdb, daily_polars, daily_spark
from benchmarks.peers.daily_columns import ANSWER, BARS, KPIS, OVERVIEW
from delta_tables import gold, silver
from delta_tables.arrow_io import append_rows
from delta_tables.bronze import RAW_PAYLOADS
from delta_tables.create_tables import create_tables
from delta_tables.lake import Lake
from flows.simulator.prices import DailyBar, load_histories, price_text


def prepare(inputs: Path, scale: float) -> int:
    """Lands one payload a symbol in a lake, as Alpha Vantage answers."""
    histories = load_histories()
    chosen = list(histories)[: max(2, round(len(histories) * scale))]
    lake = Lake(str(inputs / "lake"))
    create_tables(lake)
    append_rows(lake, RAW_PAYLOADS, [_payload(symbol, histories[symbol]) for symbol in chosen])
    return sum(len(histories[symbol]) for symbol in chosen)


def _payload(symbol: str, bars: tuple[DailyBar, ...]) -> dict[str, object]:
    body = _body(symbol, bars)
    return {
        "payload_id": hashlib.sha256(body).hexdigest(),
        "provider": "alphavantage",
        "dataset": "daily",
        "symbol": symbol,
        "interval": "1day",
        "request": f"/query?function=TIME_SERIES_DAILY&symbol={symbol}&outputsize=full",
        "status": 200,
        "content_type": "application/json",
        "fetched_at": FETCHED,
        "is_simulated": False,
        "body": body,
        "run_id": "benchmark",
    }


def _body(symbol: str, bars: tuple[DailyBar, ...]) -> bytes:
    meta = {
        "1. Information": "Daily Prices (open, high, low, close) and Volumes",
        "2. Symbol": symbol,
        "3. Last Refreshed": bars[-1].trade_dt.isoformat(),
        "4. Output Size": "Full size",
        "5. Time Zone": "US/Eastern",
    }
    names = ("open", "high", "low", "close", "volume")
    lines = [
        f'        "{bar.trade_dt}": {{\n'
        + ",\n".join(
            f'            "{number}. {name}": "{value}"'
            for number, (name, value) in enumerate(
                zip(names, (*map(price_text, bar[1:5]), bar.volume), strict=True), start=1
            )
        )
        + "\n        }"
        for bar in reversed(bars)
    ]
    heading = ",\n".join(f'        "{name}": "{value}"' for name, value in meta.items())
    series = ",\n".join(lines)
    parts = (f'    "Meta Data": {{\n{heading}\n    }}', f'    "Time Series (Daily)": {{\n{series}\n    }}')
    return b"{\n" + ",\n".join(parts).encode() + b"\n}"


def lakehouse(engine: str) -> Work:
    """Silver and Gold with gates, history and quarantine."""

    def run(inputs: Path, folder: Path) -> Generator[None]:
        copy_lake(inputs, folder)
        work = workspace(folder, engine)
        with warm_session(work) as spark:
            if engine == SPARK:  # a server that has done such work before
                copy_lake(inputs, folder / "before")
                build(workspace(folder / "before", engine), spark)
            yield
            build(work, spark)
            yield

    return run


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """Current bars, key figures, the overview."""
    return {
        "bars": rows_of(folder, silver.BARS, ANSWER[BARS], "known_to IS NULL"),
        "daily_kpis": rows_of(folder, gold.DAILY_KPIS, ANSWER[KPIS]),
        "stock_overview": rows_of(folder, gold.STOCK_OVERVIEW, ANSWER[OVERVIEW]),
    }


CASE = Case(
    name="daily_history",
    title="A year's daily bars of 524 symbols: payloads to Silver and Gold",
    prepare=prepare,
    contestants=(
        Contestant(LAKEHOUSE, EMBEDDED, lakehouse(EMBEDDED), answer),
        Contestant("polars", NO_ENGINE, daily_polars.run, daily_polars.answer),
        Contestant("duckdb", NO_ENGINE, daily_duckdb.run, daily_duckdb.answer),
        Contestant(LAKEHOUSE, SPARK, lakehouse(SPARK), answer),
        Contestant("pyspark", SPARK, daily_spark.run, daily_spark.answer),
    ),
)
