"""Builds Silver and Gold from flat files: batches, versions, kills, universes; only changes are written."""

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

import jobs.pipelines.publish
from delta_tables.storage.arrow_io import append_rows, read_rows
from delta_tables.storage.content_hash import content_hash
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.gold_ticks import TICK_FEATURES, TRADE_BAR_DIFFERENCES
from delta_tables.tables.ops import RUNS
from delta_tables.tables.silver import QUARANTINE
from delta_tables.tables.silver_ticks import QUOTES, TRADES
from jobs.engine.table_io import append_first
from jobs.pipelines.gold.ticks import build_tick_gold
from jobs.pipelines.silver.tick_files import build_tick_files
from jobs.runs.run_context import CHECKS
from jobs.runs.run_log import SILVER
from jobs.runs.stage import StageResult
from tests.builders.flat_files import (
    DAY,
    FETCHED,
    LATER,
    Row,
    land_quotes,
    land_text,
    land_trades,
    ns,
    quote,
    tick_workspace,
    trade,
)

TICK_TABLES = (TRADES, QUOTES, TICK_FEATURES, TRADE_BAR_DIFFERENCES, QUARANTINE)
NEXT_DAY = DAY + timedelta(days=1)


def build(spark: SparkSession, lake: Lake, **settings: Any) -> list[StageResult]:
    ctx = tick_workspace(lake, **settings)
    built = [*build_tick_files(ctx, spark), build_tick_gold(ctx, spark)]
    lake.drop_staging()
    return built


def rows_of(lake: Lake, table: Table, where: str = "true") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_rows(lake, table, where=where).to_pylist()
    return found


def versions(lake: Lake) -> list[int]:
    return [open_table(lake, table).version() for table in TICK_TABLES]


def hashes(lake: Lake) -> list[str]:
    return [content_hash(lake, table) for table in TICK_TABLES]


def statuses(built: Sequence[StageResult]) -> list[tuple[str, str]]:
    return [(each.subject, each.status) for each in built]


def last_commit(lake: Lake, table: Table) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The files that the table's last commit added and removed, from its log."""
    log = Path(lake.uri(table)) / f"_delta_log/{open_table(lake, table).version():020}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    return [a["add"] for a in actions if "add" in a], [a["remove"] for a in actions if "remove" in a]


def prints(count: int, first: int = 1, **cells: str) -> list[Row]:
    """Trades a second apart from 10:00 on."""
    start = datetime(2024, 11, 18, 10, tzinfo=UTC)
    return [
        trade(first + n, f"{start + timedelta(seconds=n % 3600):%H:%M:%S}", price=f"{50 + n % 7}.25", **cells)
        for n in range(count)
    ]


def test_a_day_is_built_once_and_a_repeat_changes_nothing(engine: SparkSession, lake: Lake) -> None:
    land_trades(lake, [trade(1), trade(2, "10:01:00", price="50.50"), trade(3, price="0")])
    land_quotes(lake, [quote(1), quote(2, "10:01:00", ask_price="50.40")])
    done = [("silver.trades", "done"), ("silver.quotes", "done"), ("gold_ticks", "done")]
    assert statuses(build(engine, lake)) == done
    content, at = hashes(lake), versions(lake)
    assert {row["sequence_number"]: row["known_from"] for row in rows_of(lake, TRADES)} == {
        1: FETCHED,
        2: FETCHED,
    }
    (bad,) = rows_of(lake, QUARANTINE)
    assert (bad["dataset"], bad["reasons"], bad["position"]) == (
        "trades_v1",
        ["not_positive_price"],
        "IBM/3/11/1003",
    )
    features = {row["timestamp"].minute: row for row in rows_of(lake, TICK_FEATURES)}
    assert [features[0]["close"], features[1]["close"]] == [Decimal("50.250000"), Decimal("50.500000")]
    assert [features[0]["spread"], features[1]["spread"]] == [Decimal("0.100000"), Decimal("0.200000")]
    assert statuses(build(engine, lake)) == [("gold_ticks", "nothing_new")]
    assert (hashes(lake), versions(lake)) == (content, at)


def test_prints_that_look_equal_are_all_kept(spark: SparkSession, lake: Lake) -> None:
    same = {"price": "50.25", "size": "100", "participant_timestamp": ns("10:00:00")}
    twice_the_id = [
        trade(9, id="1", exchange="4", trf_id="202"),
        trade(9, id="1", exchange="4", trf_id="201"),
    ]
    land_trades(lake, [*(trade(number, **same) for number in range(1, 6)), *twice_the_id])
    build(spark, lake)
    assert len(rows_of(lake, TRADES)) == 7
    assert [row["volume"] for row in rows_of(lake, TICK_FEATURES)] == [Decimal(700)]


def test_a_line_that_comes_twice_with_the_same_key_is_one_trade(spark: SparkSession, lake: Lake) -> None:
    land_trades(lake, [trade(1), trade(1), trade(2)])
    build(spark, lake)
    assert sorted(row["sequence_number"] for row in rows_of(lake, TRADES)) == [1, 2]


def test_one_changed_trade_of_a_file_of_30_days_ago_changes_its_row_its_minute_and_the_next_return(
    engine: SparkSession, lake: Lake
) -> None:
    rows = prints(300) + prints(50, ticker="AIG")
    land_trades(lake, rows)
    other_day = [row | {"sip_timestamp": ns("10:00:00", NEXT_DAY)} for row in prints(20)]
    land_trades(lake, other_day, FETCHED + timedelta(days=1), NEXT_DAY)
    build(engine, lake)
    before = {(r["symbol"], r["trade_dt"], r["sequence_number"]): r for r in rows_of(lake, TRADES)}
    minutes = {(r["symbol"], r["timestamp"]): r for r in rows_of(lake, TICK_FEATURES)}
    day_files = [f for f in open_table(lake, TRADES).file_uris() if f"trade_dt={DAY}" in f]

    # the last trade of 10:01: the close of that minute, and the base of the next minute's return
    changed = [
        row | {"price": "49.75"} if row["sequence_number"] == "120" and row["ticker"] == "IBM" else row
        for row in rows
    ]
    file = land_trades(lake, changed, LATER)
    built = build(engine, lake)

    assert [each.rows_out for each in built] == [2, 2]
    after = rows_of(lake, TRADES)
    key = ("IBM", DAY, 120)
    versions_of_it = [r for r in after if (r["symbol"], r["trade_dt"], r["sequence_number"]) == key]
    old, new = sorted(versions_of_it, key=lambda row: row["known_from"])
    assert old == before[key] | {"known_to": LATER, "run_id": old["run_id"]}
    assert (new["price"], new["known_from"], new["known_to"]) == (Decimal("49.750000"), LATER, None)
    assert new["payload_id"] == file.file_id
    others = {(r["symbol"], r["trade_dt"], r["sequence_number"]): r for r in after if r not in versions_of_it}
    assert others == {each: row for each, row in before.items() if each != key}
    touched = [r for r in rows_of(lake, TICK_FEATURES) if r != minutes.get((r["symbol"], r["timestamp"]))]
    assert sorted((r["symbol"], r["timestamp"].minute) for r in touched) == [("IBM", 1), ("IBM", 2)]

    added, removed = last_commit(lake, TRADES)
    assert {each["partitionValues"]["trade_dt"] for each in (*added, *removed)} == {str(DAY)}
    assert len(removed) <= len(day_files)
    assert sum(json.loads(each["stats"])["numRecords"] for each in added) <= 300 + 50 + 1


def test_a_trade_that_a_later_version_no_longer_has_is_closed(engine: SparkSession, lake: Lake) -> None:
    land_trades(lake, [trade(1), trade(2), trade(3), trade(1, ticker="GONE")])
    build(engine, lake)
    land_trades(lake, [trade(1), trade(3, price="x")], LATER)
    build(engine, lake)
    ended = {(r["symbol"], r["sequence_number"]): r["known_to"] for r in rows_of(lake, TRADES)}
    # the third row is present but unreadable: its earlier version stays
    assert ended == {("IBM", 1): None, ("IBM", 2): LATER, ("IBM", 3): None, ("GONE", 1): LATER}
    assert {row["symbol"] for row in rows_of(lake, TICK_FEATURES)} == {"IBM"}


def test_versions_that_arrive_in_another_order_give_the_same_history(
    spark: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    middle = FETCHED + timedelta(days=2)
    story = [
        (FETCHED, [trade(1), trade(2)]),
        (middle, [trade(1, price="51"), trade(3)]),
        (LATER, [trade(1), trade(2)]),
    ]
    for fetched_at, rows in story:
        land_trades(lake, rows, fetched_at)
        build(spark, lake)
    late = Lake(str(tmp_path / "late"))
    for number in (2, 1, 0):
        land_trades(late, story[number][1], story[number][0])
        build(spark, late)
    assert content_hash(late, TRADES) == content_hash(lake, TRADES)
    assert len(rows_of(lake, TRADES)) == 3 + 2 + 1


def test_small_batches_give_what_one_large_batch_gives(
    spark: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    rows = prints(2500) + prints(300, ticker="AIG") + prints(900, ticker="Z")
    in_one = Lake(str(tmp_path / "in-one"))
    for each in (lake, in_one):
        land_trades(each, rows)
        land_trades(each, rows[:2400] + rows[2402:], LATER)
    built = build(spark, lake, rows_per_batch=1000)
    build(spark, in_one)
    assert hashes(lake) == hashes(in_one)
    assert len(built[0].gates) == 5


def test_a_build_that_dies_between_batches_is_completed_by_the_next(
    spark: SparkSession, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = prints(2500)
    clean = Lake(str(tmp_path / "clean"))
    for each in (lake, clean):
        land_trades(each, rows)
    calls = iter([True, False])

    def dies(*given: Any) -> None:
        if not next(calls):
            raise RuntimeError("killed")
        append_first(*given)

    monkeypatch.setattr(jobs.pipelines.publish, "append_first", dies)
    with pytest.raises(RuntimeError, match="killed"):
        build(spark, lake, rows_per_batch=1000)
    assert 0 < len(rows_of(lake, TRADES)) < len(rows)
    monkeypatch.undo()
    build(spark, lake, rows_per_batch=1000)
    build(spark, clean, rows_per_batch=1000)
    assert hashes(lake) == hashes(clean)


def test_an_unreadable_file_does_not_stop_others_and_stays_pending(spark: SparkSession, lake: Lake) -> None:
    land_text(lake, "trades_v1", gzip.compress(b"ticker,price\nIBM,1\n"), FETCHED, NEXT_DAY)
    header_only = land_trades(lake, [])
    land_quotes(lake, [quote(1)])
    for _ in range(2):
        built = build(spark, lake)
        assert statuses(built)[:2] == [("silver.trades", "blocked")] * 2
        assert header_only.key in (built[0].detail or "")
        assert "missing" in (built[1].detail or "")
    assert len(rows_of(lake, QUOTES)) == 1


def test_a_gate_that_refuses_publishes_nothing_of_the_batch(
    spark: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    rule = "  - failed rows:\n      name: no price above one\n      fail condition: price > 1\n"
    text = (CHECKS / "silver_trades.yml").read_text()
    land_trades(lake, [trade(1)])
    ctx = tick_workspace(lake)
    (tmp_path / "silver_trades.yml").write_text(text + rule)
    object.__setattr__(ctx, "checks", tmp_path)
    (built,) = build_tick_files(ctx, spark)
    assert (built.status, rows_of(lake, TRADES)) == ("blocked", [])
    assert [gate.is_publishable for gate in built.gates] == [False]
    assert statuses(build(spark, lake)) == [("silver.trades", "done"), ("gold_ticks", "done")]


def test_a_symbol_added_to_the_watch_list_is_taken_from_the_files_that_are_kept(
    spark: SparkSession, lake: Lake
) -> None:
    land_trades(lake, [trade(1, ticker="AIG"), trade(1), trade(1, ticker="Z")])
    build(spark, lake, stocks=("IBM",))
    assert [row["symbol"] for row in rows_of(lake, TRADES)] == ["IBM"]
    (ibm,) = rows_of(lake, TRADES)
    build(spark, lake, stocks=("IBM", "AIG"))
    assert sorted(row["symbol"] for row in rows_of(lake, TRADES)) == ["AIG", "IBM"]
    build(spark, lake, stocks=("AIG",))
    assert ibm in rows_of(lake, TRADES)


def test_vendor_bars_that_arrive_later_are_compared(spark: SparkSession, lake: Lake) -> None:
    land_trades(lake, [trade(1), trade(2, "10:01:00")])
    land_text(lake, "minute_aggs_v1", "ticker\n")
    build(spark, lake)
    assert rows_of(lake, TRADE_BAR_DIFFERENCES) == []
    land_vendor_bars(lake, {"10:00:00": "50.25", "10:01:00": "50.26"})
    assert build(spark, lake)[-1].rows_out == 4
    found = {(r["timestamp"].minute, r["measure"]) for r in rows_of(lake, TRADE_BAR_DIFFERENCES)}
    assert found == {(1, "open"), (1, "high"), (1, "low"), (1, "close")}


def land_vendor_bars(lake: Lake, closes: dict[str, str]) -> None:
    """Stores bars as the build of bars does, with its record in the run log."""
    from delta_tables.tables.silver import BARS  # noqa: PLC0415 - the only use

    rows = []
    for clock, close in closes.items():
        at = datetime.fromtimestamp(int(ns(clock)) // 1_000_000_000, UTC)
        row: dict[str, Any] = dict.fromkeys(BARS.columns)
        row |= {"provider": "massive", "symbol": "IBM", "interval": "1min", "timestamp": at, "trade_dt": DAY}
        row |= {name: Decimal(close) for name in ("open", "high", "low", "close")} | {"volume": Decimal(100)}
        row |= {"partition_dt": DAY, "known_from": LATER, "is_simulated": False, "run_id": "bars"}
        rows.append(row | {name: "x" for name in BARS.keys if row[name] is None})
    append_rows(lake, BARS, rows)
    done: dict[str, Any] = {"run_id": "bars", "stage": SILVER, "subject": BARS.full_name, "status": "done"}
    append_rows(lake, RUNS, [done | {"at": LATER, "consumed_runs": []}])
