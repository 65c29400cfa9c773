"""Five million trades and ten million quotes of one session, from landed flat files to Silver and Gold."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from benchmarks.case import EMBEDDED, LAKEHOUSE, NO_ENGINE, SPARK, Case, Contestant
from benchmarks.digests import digests
from benchmarks.lakes import contesting, ended_well, raw_file, rows_of
from benchmarks.peers import tick_day_duckdb, tick_day_polars, tick_day_spark
from benchmarks.peers.plain_spark import twice
from benchmarks.peers.tick_day_columns import DAY, FEATURES, QUOTES, TRADES
from delta_tables.storage.arrow_io import append_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables import gold_ticks, silver_ticks
from delta_tables.tables.bronze import RAW_FILES
from flows.simulator.market.real_prices import load_histories
from jobs.market_calendar.sessions import sessions_between
from jobs.parsing.flat_files import COLUMNS_OF
from jobs.parsing.flat_files import QUOTES as QUOTES_FILE
from jobs.parsing.flat_files import TRADES as TRADES_FILE
from jobs.pipelines.gold.ticks import build_tick_gold
from jobs.pipelines.silver.tick_files import build_tick_files
from jobs.runs.run_context import RunContext

_SYMBOLS, _TRADES, _QUOTES = 500, 5_000_000, 10_000_000
_SECOND = 1_000_000_000
_EXCHANGES = np.array([8, 10, 11, 12, 19, 21])
_FACILITY, _FACILITY_ID = 4, 202
# Of a hundred trades; besides, those outside the regular session have 12.
_CONDITIONS = np.array(
    [""] * 45 + ["14"] * 15 + ["14,41"] * 8 + ["37"] * 20 + ["14,37"] * 9 + ["10", "2", "33"]
)
# One in so many.
_LATE, _CORRECTED, _UNPRICED, _CROSSED = 5_000, 50_000, 100_000, 2_000
_CODES = np.array([1, 8, 12])
_LATE_NS = 3_000_000
Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]


def prepare(inputs: Path, scale: float) -> int:
    """Lands a file of trades and one of quotes; of each symbol a seeded walk from its real close."""
    lake = Lake(str(inputs / "lake"))
    create_tables(lake)
    histories = load_histories()
    symbols = sorted(histories)[: max(5, round(_SYMBOLS * min(1, scale * 10)))]
    closes = [float(histories[symbol][-1].close) for symbol in symbols]
    landing = inputs / "lake/landing"
    landing.mkdir()
    generator = np.random.default_rng(20100820)
    rows, total = [], 0
    for dataset, ticks, count in ((TRADES_FILE, _trades, _TRADES), (QUOTES_FILE, _quotes, _QUOTES)):
        # a few symbols have most of the ticks, as on a real day
        shares = 1 / (np.arange(len(symbols)) + 10)
        counts = (count * scale * shares / shares.sum()).astype(int) + 1
        path = landing / f"{dataset}.csv.gz"
        with pa.CompressedOutputStream(str(path), "gzip") as target:
            for number, (symbol, close) in enumerate(zip(symbols, closes, strict=True)):
                frame = pl.DataFrame({"ticker": symbol, **ticks(generator, close, int(counts[number]))})
                chosen = frame.select(COLUMNS_OF[dataset]).with_columns(pl.col(pl.String).replace("", None))
                target.write(chosen.write_csv(include_header=number == 0).encode())
        rows.append(raw_file(path, dataset, DAY))
        total += int(counts.sum())
    append_rows(lake, RAW_FILES, rows)
    return total


def _trades(generator: np.random.Generator, close: float, count: int) -> dict[str, Any]:
    """The columns of a symbol's trades, as Massive's trades_v1 (https://massive.com/docs/flat-files/stocks/trades)."""
    sip, is_regular = _times(generator, count)
    conditions = generator.choice(_CONDITIONS, count)
    extended = np.where(conditions == "", "12", np.char.add(conditions, ",12"))
    is_reported = generator.random(count) < 0.3  # noqa: PLR2004 - about the share of real volume off exchanges
    delay = generator.integers(20_000, 900_000, count)
    price = _walk(generator, close, count).round(4)
    price[_one_in(generator, _UNPRICED, count)] = 0
    correction = np.where(_one_in(generator, _CORRECTED, count), generator.choice(_CODES, count), 0)
    return {
        "conditions": np.where(is_regular, conditions, extended),
        "correction": correction,
        "exchange": np.where(is_reported, _FACILITY, generator.choice(_EXCHANGES, count)),
        "id": generator.integers(10**13, 10**14, count),
        "participant_timestamp": sip - delay,
        "price": price,
        "sequence_number": _sequence(generator, count),
        "sip_timestamp": sip,
        "size": generator.integers(1, 400, count),
        "tape": 1,
        "trf_id": np.where(is_reported, _FACILITY_ID, 0),
        "trf_timestamp": np.where(is_reported, sip - delay // 2, 0),
    }


def _quotes(generator: np.random.Generator, close: float, count: int) -> dict[str, Any]:
    """The columns of a symbol's quotes, as quotes_v1; the first has no bid."""
    sip, _ = _times(generator, count)
    middle = _walk(generator, close, count)
    half = 0.005 * generator.integers(1, 5, count)
    half[_one_in(generator, _CROSSED, count)] *= -1
    bid = (middle - half).round(2)
    bid[0] = 0
    sizes, exchanges = generator.integers(1, 90, (2, count)), generator.choice(_EXCHANGES, (2, count))
    return {
        "ask_exchange": exchanges[0],
        "ask_price": (middle + half).round(2),
        "ask_size": sizes[0],
        "bid_exchange": np.where(bid > 0, exchanges[1], 0),
        "bid_price": bid,
        "bid_size": np.where(bid > 0, sizes[1], 0),
        "conditions": "1",
        "indicators": np.where(_one_in(generator, _CROSSED, count), "604", ""),
        "participant_timestamp": sip - generator.integers(20_000, 900_000, count),
        "sequence_number": _sequence(generator, count),
        "sip_timestamp": sip,
        "tape": 1,
        "trf_timestamp": 0,
    }


def _times(generator: np.random.Generator, count: int) -> tuple[Integers, Flags]:
    """SIP times in ns, rising but for a few that came late, and which of them are of the regular session."""
    session = sessions_between("XNYS", DAY, DAY)[0]
    marks = [
        int(at.timestamp()) * _SECOND
        for at in (session.pre_open_at, session.open_at, session.close_at, session.post_close_at)
    ]
    place = generator.random(count)
    # one in fifty before the open, three in a hundred after the close
    spans = [(place < 0.02, marks[0], marks[1]), (place >= 0.97, marks[2], marks[3])]  # noqa: PLR2004 - as said
    sip = generator.integers(marks[1], marks[2], count)
    for chosen, first, end in spans:
        sip[chosen] = generator.integers(first, end, int(chosen.sum()))
    sip.sort()
    is_regular = (sip >= marks[1]) & (sip < marks[2])
    late = _one_in(generator, _LATE, count) & (sip > marks[0] + _LATE_NS)
    sip[late] -= generator.integers(1, _LATE_NS, int(late.sum()))
    return sip, is_regular


def _walk(generator: np.random.Generator, close: float, count: int) -> Reals:
    """Prices about the close, one per cent up or down over the day."""
    walk: Reals = close * np.exp(np.cumsum(generator.normal(0, 0.01 / np.sqrt(count), count)))
    return walk


def _sequence(generator: np.random.Generator, count: int) -> Integers:
    numbers: Integers = 1_000 + np.cumsum(generator.integers(1, 40, count))
    return numbers


def _one_in(generator: np.random.Generator, many: int, count: int) -> Flags:
    chosen: Flags = generator.integers(0, many, count) == 0
    return chosen


def _build(ctx: RunContext, spark: SparkSession, _inputs: Path) -> None:
    ended_well(ctx, [*build_tick_files(ctx, spark), build_tick_gold(ctx, spark)])


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """A digest of the ticks, and the minutes' figures."""
    lake = Lake(str(folder / "lake"))
    tables = {"trades": (silver_ticks.TRADES, TRADES), "quotes": (silver_ticks.QUOTES, QUOTES)}
    return {
        "tick_features": rows_of(folder, gold_ticks.TICK_FEATURES, FEATURES),
        **{
            name: digests(pl.scan_delta(lake.uri(table)).filter(pl.col("known_to").is_null()), columns)
            for name, (table, columns) in tables.items()
        },
    }


CASE = Case(
    name="tick_day",
    title="Build 5 million trades and 10 million quotes of a session, from flat files to figures per minute",
    prepare=prepare,
    contestants=(
        Contestant(LAKEHOUSE, EMBEDDED, contesting(_build, EMBEDDED), answer),
        Contestant("polars", NO_ENGINE, tick_day_polars.run, tick_day_polars.answer),
        Contestant("duckdb", NO_ENGINE, tick_day_duckdb.run, tick_day_duckdb.answer),
        Contestant(LAKEHOUSE, SPARK, contesting(_build, SPARK), answer),
        Contestant("pyspark", SPARK, twice(tick_day_spark.load), tick_day_polars.answer),
    ),
)
