"""Measures serving.read: the first answer, cold and warm reads and their hit rate, the bound on memory.

    python -m benchmarks.read_cache [--symbols 50] [--sessions 250] [--repeats 5]

Builds a lake of random prices in a temporary folder: daily and minute bars of all symbols, trades of one, a
split and quarterly dividends of every symbol. A cold read is that of a new reader.
"""

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

from delta_tables.storage.arrow_io import arrow_schema
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from delta_tables.tables.silver_ticks import TRADES
from serving.read import Reader, open_reader

KNOWN = datetime(2025, 1, 1, tzinfo=UTC)
MINUTES = 390
TRADES_A_DAY = 100_000
MEGABYTE = 1024 * 1024
WINDOW = 60


@dataclass(frozen=True)
class Market:
    """What is in the lake."""

    lake: Lake
    symbols: tuple[str, ...]
    sessions: tuple[date, ...]


def main(arguments: Sequence[str]) -> None:
    """Prints one line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=50)
    parser.add_argument("--sessions", type=int, default=250)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        symbols = tuple(f"S{number:03}" for number in range(given.symbols))
        days = (date(2024, 1, 1) + timedelta(days=number) for number in range(2 * given.sessions))
        sessions = tuple(day for day in days if day.isoweekday() < 6)[: given.sessions]  # noqa: PLR2004 - Saturday
        market = Market(Lake(f"{folder}/lake"), symbols, sessions)
        fill(market)
        rows = len(symbols) * len(sessions)
        say(
            f"{rows:,} daily bars, {rows * MINUTES:,} minute bars, {3 * TRADES_A_DAY:,} trades; load {load()}"
        )
        measure_start(market)
        for name, read in reads(market):
            measure(name, market, read, given.repeats)
        measure_backtest(market)
        process = multiprocessing.get_context("spawn").Process(target=measure_bound, args=(market,))
        process.start()
        process.join()


def reads(market: Market) -> Iterator[tuple[str, Callable[[Reader], object]]]:
    """What a backtest asks, by name."""
    every, some, one = market.symbols, market.symbols[:10], market.symbols[0]
    first, last = market.sessions[0], market.sessions[-1]
    middle = market.sessions[len(market.sessions) // 2]
    prices = ("symbol", "timestamp", "close", "volume")
    yield "daily, all symbols, Arrow", lambda r: r.bars(every).arrow()
    yield "daily, all symbols, pandas float64", lambda r: r.bars(every).pandas()
    yield "daily, all, split-adjusted, Arrow", lambda r: r.bars(every, adjusted="split").arrow()
    yield "daily, all, total-adjusted, Arrow", lambda r: r.bars(every, adjusted="total").arrow()
    yield "minutes, 1 symbol, all sessions, Arrow", lambda r: r.bars(one, "1min", first, last).arrow()
    yield "minutes, 10 symbols, half, Arrow", lambda r: r.bars(some, "1min", first, middle).arrow()
    yield (
        "  the same, 4 columns, pandas",
        lambda r: r.bars(some, "1min", first, middle, columns=prices).pandas(),
    )
    yield "trades, 1 symbol, 3 days, corrected", lambda r: r.trades(one, first, market.sessions[2]).arrow()


def measure(name: str, market: Market, read: Callable[[Reader], object], repeats: int) -> None:
    """Cold reads by new readers, then warm ones by the last of them."""
    cold = []
    for _ in range(repeats):
        reader = open_reader(market.lake)
        cold.append(cost_of(lambda: read(reader)))  # noqa: B023 - called at once
    before = reader.metrics
    warm = [cost_of(lambda: read(reader)) for _ in range(repeats * 3)]
    after = reader.metrics
    hits, misses = after.hits - before.hits, after.misses - before.misses
    say(
        f"{name:39} cold {median_ms(cold)}  warm {median_ms(warm)}  hit rate {hits / (hits + misses):.0%}  "
        f"{after.chunks_held:,} chunks, {after.bytes_held / MEGABYTE:.1f} MB"
    )


def cost_of(call: Callable[[], object]) -> tuple[float, float]:
    """How long the call takes, and how long the processors work for it, seconds."""
    began, worked = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - began, time.process_time() - worked


def median_ms(costs: Sequence[tuple[float, float]]) -> str:
    """Both as text, medians in milliseconds."""
    elapsed, worked = (1e3 * statistics.median(each) for each in zip(*costs, strict=True))
    return f"{elapsed:7.1f} ms (CPU {worked:6.1f})"


def measure_start(market: Market) -> None:
    """Import and first answer, each in a process of its own."""
    script = (
        "import time; a = time.perf_counter(); from serving.read import open_reader; b = time.perf_counter();"
        f"open_reader({market.lake.root!r}).bars('S000').arrow(); c = time.perf_counter();"
        "print(b - a, c - b, time.process_time())"
    )
    root = Path(__file__).resolve().parents[1]
    runs = [
        subprocess.run([sys.executable, "-c", script], cwd=root, check=True, capture_output=True, text=True)  # noqa: S603 - our own
        for _ in range(3)
    ]
    figures = [[float(text) for text in run.stdout.split()] for run in runs]
    imported, first, cpu = (statistics.median(column) for column in zip(*figures, strict=True))
    say(f"new process: import {imported:.2f} s, first answer {first:.2f} s; CPU of both {cpu:.2f} s")


def measure_backtest(market: Market) -> None:
    """A window of sessions moved on a day at a time, all symbols, as of the day: overlapping ranges."""
    reader = open_reader(market.lake)
    times = []
    for last in range(WINDOW, len(market.sessions)):
        start, end = market.sessions[last - WINDOW], market.sessions[last]
        then = reader.known_at(KNOWN + timedelta(days=last))
        times.append(cost_of(lambda: then.bars(market.symbols[:10], "1min", start, end)))  # noqa: B023 - at once
    metrics = reader.metrics
    say(
        f"backtest: {len(times)} days, each as of its day, {WINDOW} sessions of minutes, 10 symbols: "
        f"first {1e3 * times[0][0]:.0f} ms, median {median_ms(times)}, "
        f"hit rate {metrics.hit_rate:.1%}, {metrics.evictions} evictions"
    )


def measure_bound(market: Market) -> None:
    """Every minute bar read through a memory a good deal smaller than they are, in a process of its own."""
    limit = 64 * MEGABYTE
    reader = open_reader(market.lake, memory_bytes=limit)
    resident = [rss_mb()]
    for _ in range(2):
        for first in range(0, len(market.sessions) - 10, 10):
            reader.bars(market.symbols, "1min", market.sessions[first], market.sessions[first + 9])
            assert reader.metrics.bytes_held <= limit
        resident.append(rss_mb())
    metrics = reader.metrics
    say(
        f"memory of {limit // MEGABYTE} MB: held {metrics.bytes_held / MEGABYTE:.0f} MB, Arrow "
        f"{pa.total_allocated_bytes() / MEGABYTE:.0f} MB; process {resident[0]} MB before, "
        f"{resident[1]} MB after reading all once, {resident[2]} MB twice; {metrics.evictions:,} evictions"
    )


def fill(market: Market) -> None:
    """Writes bars, actions and trades; a commit a session, as daily runs would."""
    create_tables(market.lake, (BARS, CORPORATE_ACTIONS, TRADES))
    for day in market.sessions:
        write(market.lake, BARS, bars(market.symbols, "1min", [day], day))
    for year in sorted({day.year for day in market.sessions}):
        days = [day for day in market.sessions if day.year == year]
        write(market.lake, BARS, bars(market.symbols, "1day", days, date(year, 1, 1)))
    write(market.lake, CORPORATE_ACTIONS, actions(market))
    for day in market.sessions[:3]:
        write(market.lake, TRADES, trades(market.symbols[0], day))


def write(lake: Lake, table: Table, columns: dict[str, Any]) -> None:
    """Appends the columns; one value stands for all rows, what is not named is null."""
    count = max(len(values) for values in columns.values() if isinstance(values, np.ndarray | pa.Array))
    schema = arrow_schema(table)
    known = {
        "known_from": KNOWN,
        "is_simulated": True,
        "payload_id": "0" * 64,
        "position": "line",
        "run_id": "b",
    }
    given = known | columns
    arrays = []
    for field in schema:
        values = given.get(field.name)
        many = isinstance(values, np.ndarray | pa.Array)
        array = pa.array(values) if many else pa.array([values] * count, field.type)
        arrays.append(array.cast(field.type))
    write_deltalake(lake.uri(table), pa.Table.from_arrays(arrays, schema=schema), mode="append")


def bars(symbols: Sequence[str], interval: str, days: Sequence[date], partition: date) -> dict[str, Any]:
    """Bars of these days, prices to the cent."""
    minutes = MINUTES if interval == "1min" else 1
    starts = np.array(days, "datetime64[us]")[:, None] + np.timedelta64(870, "m")
    one = (starts + np.arange(minutes) * np.timedelta64(1, "m")).ravel()
    price = cents(len(one) * len(symbols))
    return {
        **{"provider": "massive", "asset_class": "stock", "calendar": "XNYS", "interval": interval},
        **{"session": "regular", "kind": "candle", "adjustment": "raw", "partition_dt": partition},
        **dict.fromkeys(("open", "high", "low", "close"), price),
        "symbol": np.repeat(symbols, len(one)),
        "timestamp": pa.array(np.tile(one, len(symbols)), pa.timestamp("us", "UTC")),
        "trade_dt": np.tile(one, len(symbols)).astype("datetime64[D]"),
        "volume": pa.array(np.arange(1, len(price) + 1)).cast(pa.decimal128(28, 8)),
    }


def actions(market: Market) -> dict[str, Any]:
    """A split in the middle and a dividend a quarter, of every symbol."""
    days = [market.sessions[len(market.sessions) // 2], *market.sessions[20::63]]
    kinds = ["split", *["dividend"] * (len(days) - 1)]
    count = len(market.symbols)
    return {
        **{"provider": "massive", "label": "cash"},
        "symbol": np.repeat(market.symbols, len(days)),
        "action": np.array(kinds * count),
        "ex_dt": np.array(days * count, "datetime64[D]"),
        "ratio": pa.array(["2" if kind == "split" else None for kind in kinds] * count).cast(
            pa.decimal128(20, 10)
        ),
        "amount": pa.array([None if kind == "split" else "0.25" for kind in kinds] * count).cast(
            pa.decimal128(20, 8)
        ),
    }


def trades(symbol: str, day: date) -> dict[str, Any]:
    """Trades of a day, one in a thousand cancelled."""
    number = np.arange(TRADES_A_DAY)
    at = np.datetime64(day, "ns") + np.timedelta64(870, "m") + number * np.timedelta64(200, "ms")
    flags = ("is_odd_lot", "is_out_of_order", "updates_open_close", "updates_high_low", "updates_volume")
    return {
        **{"provider": "massive", "symbol": symbol, "trade_dt": day, "exchange": 11, "tape": 3, "trf_id": 0},
        **dict.fromkeys((*flags, "is_cancelled"), False),
        **{"session": "regular", "conditions": "12,37", "size": pa.array(["100"] * len(number)).cast(SIZE)},
        "timestamp": pa.array(at.astype("datetime64[us]"), pa.timestamp("us", "UTC")),
        "sip_timestamp_ns": at.astype(np.int64),
        "sequence_number": number,
        "trade_id": number.astype(str),
        "price": cents(len(number)),
        "correction": np.where(number % 1000 == 0, 8, 0),
    }


SIZE = pa.decimal128(20, 6)


def cents(count: int) -> pa.Array:
    """Prices around a hundred, two decimals."""
    prices = np.round(100 + np.random.default_rng(0).random(count), 2)
    return pa.array(prices).cast(pa.decimal128(18, 6))


def rss_mb() -> int:
    """Memory of this process, MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // MEGABYTE


def load() -> str:
    """How busy the machine is."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def say(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
