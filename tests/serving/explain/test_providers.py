"""Explanations for every provider: flat files, zips of an exchange, news, and deleted files."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from rich.console import Console

from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.bronze import RAW_FILES, RAW_PAYLOADS
from delta_tables.tables.catalogue import ALL_TABLES
from delta_tables.tables.gold_ticks import TICK_FEATURES, TRADE_BAR_DIFFERENCES
from delta_tables.tables.silver import BARS, FUNDAMENTALS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS, INSTRUMENTS, NEWS
from delta_tables.tables.silver_ticks import QUOTES, TRADES
from jobs.gold import tick_features as features_job
from jobs.parsing.flat_files import COLUMNS_OF, FlatFile
from jobs.pipelines.gold.ticks import build_tick_gold
from jobs.pipelines.silver.tick_files import build_tick_files
from jobs.silver import quotes as quotes_job
from jobs.silver import trades as trades_job
from serving.explain import file_excerpts as flat_file_excerpts
from serving.explain import tick_lineage as tick_sources
from serving.explain.explain import EXPLAINED, Explanation, explain
from serving.explain.file_excerpts import read_lines
from serving.output.terminal import print_explanation
from tests.builders import flat_files
from tests.builders.flat_files import DAY, FETCHED, csv_text, land_text, land_trades
from tests.builders.sample_lake import add, payload, sha
from tests.serving.explain.test_excerpts import zipped

POSITION = "IBM/2/11/1002"
TRADE_LINE = csv_text([flat_files.trade(2)], COLUMNS_OF["trades_v1"]).splitlines()[1]


def silver_trade(file_id: str, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"provider": "massive", "symbol": "IBM", "trade_dt": DAY, "trade_id": "1002"}
    row |= {"timestamp": FETCHED, "sip_timestamp_ns": 1, "sequence_number": 2, "exchange": 11, "tape": 1}
    row |= {"trf_id": 0, "price": Decimal(50), "size": Decimal(1), "correction": 0, "session": "regular"}
    row |= {"is_simulated": False, "known_from": FETCHED, "payload_id": file_id, "position": POSITION}
    return row | {"run_id": "r"} | changes


def landed(lake: Lake) -> FlatFile:
    """A file of three trades; the second is in silver.trades."""
    create_tables(lake, [RAW_PAYLOADS, TRADES])
    file = land_trades(lake, [flat_files.trade(n) for n in (1, 2, 3)])
    add(lake, TRADES, silver_trade(file.file_id))
    return file


def printed(found: Explanation) -> str:
    console = Console(file=StringIO(), width=300)
    print_explanation(console, found)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_a_trade_is_traced_to_its_line_in_the_landed_file(lake: Lake) -> None:
    file = landed(lake)
    found = explain(lake, "silver.trades", ["symbol=IBM", "sequence_number=2"])
    (source,) = found.sources
    assert (source.payload_id, source.path, source.request) == (file.file_id, file.path, file.key)
    assert (source.is_intact, source.expired, source.status) == (True, None, None)
    assert [(piece.position, piece.text) for piece in source.excerpts] == [(POSITION, TRADE_LINE)]
    assert f"file {file.file_id}\n" in printed(found)
    assert TRADE_LINE in printed(found)


def test_a_file_deleted_by_retention_is_reported(lake: Lake) -> None:
    file = landed(lake)
    (Path(lake.root) / file.path).unlink()
    found = explain(lake, "silver.trades", ["symbol=IBM"])
    (source,) = found.sources
    assert (source.is_intact, source.excerpts[0].text) == (None, None)
    assert source.expired is not None
    assert "no longer in the landing zone" in source.expired
    assert found.lost == ()
    assert source.expired in printed(found)
    assert "DO NOT MATCH" not in printed(found)
    assert "nothing is there" not in printed(found)


@pytest.mark.parametrize("cut", [10, -20])
def test_a_damaged_file_is_reported_as_not_intact(lake: Lake, cut: int) -> None:
    file = landed(lake)
    path = Path(lake.root) / file.path
    path.write_bytes(path.read_bytes()[:cut])
    (source,) = explain(lake, "silver.trades", ["symbol=IBM"]).sources
    assert (source.is_intact, source.expired) == (False, None)


def test_a_row_without_a_bronze_source_is_reported_as_lost(lake: Lake) -> None:
    create_tables(lake, [RAW_PAYLOADS, RAW_FILES, TRADES])
    add(lake, TRADES, silver_trade("f" * 64))
    found = explain(lake, "silver.trades", ["symbol=IBM"])
    assert (found.sources, found.lost) == ((), ("f" * 64,))
    assert f"{'f' * 64} is neither in bronze.raw_payloads nor in bronze.raw_files" in printed(found)


@pytest.mark.parametrize(
    ("dataset", "text", "position", "line"),
    [
        ("quotes_v1", csv_text([flat_files.quote(7)], COLUMNS_OF["quotes_v1"]), None, None),
        ("minute_aggs_v1", "ticker,volume,window_start\nIBM,1,60\nIBM,2,120\n", "IBM/120", "IBM,2,120"),
        ("day_aggs_v1", "window_start,ticker\r\n60,IBM\r\n120,IBM\r\n", "IBM/120", "120,IBM"),
        ("minute_aggs_v1", "ticker,window_start\nIBM,60\nIBM,60\n", "IBM/60", "IBM,60"),
        ("minute_aggs_v1", "ticker,window_start\nIBM,600,1\nIBM,600\n", "IBM/600", "IBM,600"),
        ("minute_aggs_v1", "ticker,window_start\nIBM,1200\nAIBM,120\n", "IBM/120", None),
        ("minute_aggs_v1", "ticker,start\nIBM,60\n", "IBM/60", None),
        ("minute_aggs_v1", "", "IBM/60", None),
        ("trades_v1", 'ticker,conditions,sequence_number,exchange,id\nIBM,"12,37",5,4,9\n', "IBM/5/4/9", ""),
    ],
)
def test_a_position_is_the_line_with_its_cells(
    lake: Lake, dataset: str, text: str, position: str | None, line: str | None
) -> None:
    file = land_text(lake, dataset, text)
    if position is None:
        position, line = f"IBM/7/{flat_files.ns('10:00:00')}", text.splitlines()[1]
    looked = read_lines(lake, file.path, dataset, [position, "XYZ/1"])
    assert looked is not None
    wanted = text.splitlines()[1] if line == "" else line
    assert looked.lines == ({position: wanted} if wanted else {})
    assert looked.sha256 == file.file_id


def test_the_hash_is_that_of_the_whole_file_though_the_line_is_found_early(lake: Lake) -> None:
    text = "ticker,window_start\n" + "".join(f"S{n * 7919 % 99_991},{n}\n" for n in range(200_000))
    file = land_text(lake, "minute_aggs_v1", text)
    looked = read_lines(lake, file.path, "minute_aggs_v1", ["S0/0"])
    assert looked is not None
    assert (looked.lines, looked.sha256) == ({"S0/0": "S0,0"}, file.file_id)


def test_positions_have_the_same_columns_as_in_the_jobs() -> None:
    """serving may not import jobs."""
    assert flat_file_excerpts.POSITION_COLUMNS["trades_v1"] == trades_job._POSITION
    assert flat_file_excerpts.POSITION_COLUMNS["quotes_v1"] == quotes_job._POSITION
    assert set(flat_file_excerpts.POSITION_COLUMNS) == set(COLUMNS_OF)
    assert tick_sources.AVERAGE_MINUTES == features_job.AVERAGE_MINUTES


def texts(found: Explanation) -> list[str]:
    return [piece.text or "" for source in found.sources for piece in source.excerpts]


def test_gold_of_ticks_is_traced_to_the_lines_of_the_files(spark: SparkSession, lake: Lake) -> None:
    trades = [flat_files.trade(n, f"10:0{n}:00", price=f"50.{n}0") for n in range(4)]
    quotes = [flat_files.quote(9, "10:02:30")]
    opened = int(flat_files.ns("10:03:00"))
    ctx = flat_files.tick_workspace(lake)
    land_trades(lake, trades)
    flat_files.land_quotes(lake, quotes)
    names = "ticker,volume,open,close,high,low,window_start"
    bars = land_text(lake, "minute_aggs_v1", f"{names}\nIBM,7,50,50,50,50,{opened}\n")
    at = datetime.fromtimestamp(opened / 1e9, UTC)
    bar: dict[str, Any] = {"provider": "massive", "symbol": "IBM", "interval": "1min", "timestamp": at}
    bar |= {name: Decimal(50) for name in ("open", "high", "low", "close")} | {"volume": Decimal(7)}
    bar |= {"trade_dt": DAY, "partition_dt": DAY, "known_from": FETCHED, "payload_id": bars.file_id}
    add(lake, BARS, bar | {"position": f"IBM/{opened}", "run_id": "r", "is_simulated": False})
    build_tick_files(ctx, spark)
    build_tick_gold(ctx, spark)

    key = ["symbol=IBM", f"timestamp={(at - timedelta(minutes=1)).isoformat()}"]
    features = explain(lake, TICK_FEATURES.full_name, key)
    assert [(part.table, len(part.rows)) for part in features.evidence] == [
        (TRADES.full_name, 1),
        (QUOTES.full_name, 1),
        (TRADES.full_name, 1),
        (TRADES.full_name, 2),
    ]
    assert texts(features) == [line(trades[2], "trades_v1"), line(quotes[0], "quotes_v1")]
    found = explain(lake, TRADE_BAR_DIFFERENCES.full_name, [f"timestamp={at.isoformat()}", "measure=volume"])
    assert texts(found) == [line(trades[3], "trades_v1"), f"IBM,7,50,50,50,50,{opened}"]
    assert all(source.is_intact for source in (*features.sources, *found.sources))


def line(row: Mapping[str, str], dataset: str) -> str:
    return csv_text([row], COLUMNS_OF[dataset]).splitlines()[1]


NEWS_BODY = json.dumps({"feed": [{"title": "Up", "ticker_sentiment": [{"ticker": "IBM"}]}]}).encode()
SPLITS_BODY = b'{"symbol": "IBM", "data": [{"effective_date": "2026-01-06", "split_factor": "2.0"}]}'
CHART_BODY = json.dumps(
    {"chart": {"result": [{"timestamp": [5], "indicators": {"quote": [{"close": [12.5]}]}}]}}
).encode()
BHAVCOPY = zipped(b"SC_CODE,CLOSE\n500325,2850.5\n")
KNOWN = {"known_from": FETCHED, "is_simulated": False, "run_id": "r"}
CLOSE = {"interval": "1day", "timestamp": FETCHED, "trade_dt": DAY, "partition_dt": DAY, "close": Decimal(1)}
CASES: dict[str, tuple[Table, dict[str, Any], bytes, str, str]] = {
    "news": (NEWS, {"article_id": "a"}, NEWS_BODY, "/feed/0/0", 'ticker_sentiment/0: {"ticker": "IBM"}'),
    "splits": (
        CORPORATE_ACTIONS,
        {"action": "split", "label": "split", "ex_dt": DAY},
        SPLITS_BODY,
        "/data/0",
        '{"effective_date": "2026-01-06", "split_factor": "2.0"}',
    ),
    "listing": (INSTRUMENTS, {"valid_from": DAY}, b"symbol,name\nIBM,x\n", "line 2", "IBM,x"),
    "yahoo": (BARS, CLOSE, CHART_BODY, "/chart/result/0/timestamp/0", "indicators/quote/close: 12.5"),
    "coingecko": (BARS, CLOSE, b'{"prices": [[1, 2.50]]}', "/prices/0", "[1, 2.50]"),
    "markets": (FUNDAMENTALS, {}, b'[{"id": "bitcoin"}]', "/0", '{"id": "bitcoin"}'),
    "bse": (BARS, CLOSE, BHAVCOPY, "line 2", "500325,2850.5"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_row_of_every_kind_of_payload_is_traced_to_its_fragment(lake: Lake, case: str) -> None:
    table, own, body, position, text = CASES[case]
    create_tables(lake, [RAW_PAYLOADS, table])
    row = {"provider": case, "symbol": "IBM", "payload_id": sha(body), "position": position, **KNOWN, **own}
    add(lake, table, row)
    # a file of all symbols was asked for by another name
    add(lake, RAW_PAYLOADS, payload(body, "any", "ALL", None, fetched_at=FETCHED - timedelta(days=1)))
    add(lake, RAW_PAYLOADS, payload(body, "any", "ALL", None, fetched_at=FETCHED))
    (source,) = explain(lake, table.full_name, ["symbol=IBM"]).sources
    assert source.excerpts[0].text is not None
    assert text in source.excerpts[0].text
    assert (source.is_intact, source.fetched_at, source.deliveries) == (True, FETCHED, 2)


def test_every_table_with_a_payload_is_explained() -> None:
    with_source = {t.full_name for t in ALL_TABLES if t.layer == "silver" and "payload_id" in t.columns}
    assert with_source <= set(EXPLAINED)
