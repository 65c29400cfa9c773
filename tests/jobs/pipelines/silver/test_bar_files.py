"""Builds silver.bars from flat files of minute and day bars: versions, bad rows, batches, both engines."""

import gzip
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.content_hash import content_hash
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake
from delta_tables.tables.silver import BARS, QUARANTINE
from jobs.parsing.flat_files import COLUMNS_OF, DAY_BARS, MINUTE_BARS, FlatFile
from jobs.pipelines.silver import bar_files as bar_files_build
from jobs.pipelines.silver.bar_files import build_bar_files
from jobs.runs.run_context import CHECKS
from jobs.runs.stage import StageResult
from tests.builders.flat_files import DAY, FETCHED, LATER, Row, csv_text, land_text, ns, tick_workspace


def bar(at: str = "10:00:00", ticker: str = "IBM", day: date = DAY, **cells: str) -> Row:
    """A bar of 50.20 to 50.40, of one minute, or of a day where it begins at midnight."""
    prices = {"open": "50.250000", "high": "50.400000", "low": "50.200000", "close": "50.300000"}
    return {"ticker": ticker, "volume": "1200.5", "window_start": ns(at, day), **prices, **cells}


def land_bars(
    lake: Lake, rows: list[Row], fetched_at: datetime = FETCHED, dataset: str = MINUTE_BARS, day: date = DAY
) -> FlatFile:
    return land_text(lake, dataset, csv_text(rows, COLUMNS_OF[dataset]), fetched_at, day)


def build(spark: SparkSession, lake: Lake, **settings: Any) -> list[StageResult]:
    built = build_bar_files(tick_workspace(lake, **settings), spark)
    lake.drop_staging()
    return built


def rows_of(lake: Lake) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_rows(lake, BARS).to_pylist()
    return found


def minute(number: int) -> str:
    return f"10:{number:02}:00"


def test_minute_and_day_bars_are_built_once_and_a_repeat_changes_nothing(
    engine: SparkSession, lake: Lake
) -> None:
    land_bars(lake, [bar(), bar(minute(1)), bar(ticker="AIG")])
    land_bars(lake, [bar("00:00:00"), bar("00:00:00", "AIG")], dataset=DAY_BARS)
    assert [each.rows_out for each in build(engine, lake)] == [3, 2]
    kinds = {(row["interval"], row["session"], row["trade_dt"], row["partition_dt"]) for row in rows_of(lake)}
    assert kinds == {
        ("1min", "regular", DAY, DAY), ("1day", "regular", DAY, date(DAY.year, 1, 1))
    }  # fmt: skip
    assert {row["volume"] for row in rows_of(lake)} == {Decimal("1200.5")}
    before = open_table(lake, BARS).version()
    assert build(engine, lake) == []
    assert open_table(lake, BARS).version() == before


def test_a_republished_file_closes_changed_and_removed_bars(engine: SparkSession, lake: Lake) -> None:
    rows = [bar(minute(number), ticker) for ticker in ("AIG", "IBM") for number in range(5)]
    land_bars(lake, rows)
    build(engine, lake)
    before = rows_of(lake)
    changed = [row | {"close": "50.350000"} if row == bar(minute(2)) else row for row in rows]
    land_bars(lake, [row for row in changed if row != bar(minute(4), "AIG")] + [bar(minute(5))], LATER)
    assert [each.rows_out for each in build(engine, lake)] == [4]
    touched = [
        (row["symbol"], row["timestamp"].minute, row["close"], row["known_from"], row["known_to"])
        for row in rows_of(lake)
        if row not in before
    ]
    assert sorted(touched, key=str) == [
        ("AIG", 4, Decimal("50.3"), FETCHED, LATER),
        ("IBM", 2, Decimal("50.3"), FETCHED, LATER),
        ("IBM", 2, Decimal("50.35"), LATER, None),
        ("IBM", 5, Decimal("50.3"), LATER, None),
    ]


def test_rows_of_another_day_and_without_a_ticker_are_quarantined(engine: SparkSession, lake: Lake) -> None:
    other = DAY + timedelta(days=1)
    land_bars(lake, [bar(), bar(ticker=""), bar(day=other), bar(minute(1), high="50.26")], LATER)
    (built,) = build(engine, lake)
    assert (built.rows_in, built.rows_out, built.rows_bad) == (4, 1, 3)
    bad = {(row["symbol"], *row["reasons"]) for row in read_rows(lake, QUARANTINE).to_pylist()}
    assert bad == {("", "missing_symbol"), ("IBM", "other_date"), ("IBM", "high_not_highest")}


@pytest.mark.parametrize(
    "broken",
    [
        gzip.compress(csv_text([bar()], COLUMNS_OF[MINUTE_BARS]).encode())[:-12],
        csv_text([bar()], COLUMNS_OF[MINUTE_BARS]) + "IBM,1,2\n",
    ],
    ids=["cut file", "short line"],
)
def test_an_incomplete_file_does_not_stop_others_and_stays_pending(
    engine: SparkSession, lake: Lake, broken: str | bytes
) -> None:
    land_text(lake, MINUTE_BARS, broken)
    land_bars(lake, [bar(day=DAY + timedelta(days=1))], LATER, day=DAY + timedelta(days=1))
    first = [(each.status, each.rows_out) for each in build(engine, lake)]
    assert first == [("blocked", 0), ("done", 1)]
    (again,) = build(engine, lake)
    assert "us_stocks_sip/minute_aggs_v1/2024/11/2024-11-18" in (again.detail or "")


def test_small_batches_give_what_one_large_batch_gives(
    spark: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    rows = [bar(f"{10 + n // 60}:{n % 60:02}:00", ticker) for ticker in ("A", "B", "C") for n in range(390)]
    in_one = Lake(str(tmp_path / "in-one"))
    for each in (lake, in_one):
        land_bars(each, rows)
        land_bars(
            each, [row | {"close": "50.26"} if row["ticker"] == "B" else row for row in rows[1:]], LATER
        )
    gates = [len(each.gates) for each in build(spark, lake, rows_per_batch=1000)]
    assert gates == [4, 2]  # two batches of two checks each, of which one changes
    build(spark, in_one)
    assert content_hash(lake, BARS) == content_hash(in_one, BARS)


def test_a_bar_received_at_an_earlier_instant_is_inserted_into_the_history(
    spark: SparkSession, lake: Lake
) -> None:
    middle = FETCHED + timedelta(days=1)
    land_bars(lake, [bar(close="50.35")], LATER)
    build(spark, lake)
    land_bars(lake, [bar()], middle)
    build(spark, lake)
    history = sorted((row["known_from"], row["known_to"], row["close"]) for row in rows_of(lake))
    assert history == [(middle, LATER, Decimal("50.3")), (LATER, None, Decimal("50.35"))]
    assert {row["timestamp"] for row in rows_of(lake)} == {datetime(2024, 11, 18, 15, tzinfo=UTC)}


def days_of_bars() -> dict[date, list[Row]]:
    """Four sessions, one bar in each that breaks a rule."""
    days = [date(2024, 11, number) for number in (12, 13, 14, 15)]
    return {
        day: [bar(day=day), bar(minute(1), "AIG", day), bar(minute(2), day=day, high="1.0")] for day in days
    }


def test_files_of_several_days_give_the_same_together_as_one_by_one(
    engine: SparkSession, tmp_path: Path
) -> None:
    together, one_by_one = Lake(str(tmp_path / "together")), Lake(str(tmp_path / "one"))
    for day, rows in days_of_bars().items():
        for lake in (together, one_by_one):
            land_bars(lake, rows, at_noon(day), day=day)
        assert [(each.rows_in, each.rows_bad) for each in build(engine, one_by_one)] == [(3, 1)]
    built = [(each.rows_in, each.rows_out, each.rows_bad) for each in build(engine, together)]
    assert built == [(3, 2, 1)] * 4
    assert build(engine, together) == []
    assert [open_table(lake, BARS).version() for lake in (together, one_by_one)] == [1, 4]
    for table in (BARS, QUARANTINE):
        assert content_hash(together, table) == content_hash(one_by_one, table)


def at_noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(days=1)


def test_among_files_of_several_days_an_incomplete_one_does_not_stop_the_others(
    spark: SparkSession, lake: Lake
) -> None:
    (first, rows), *others = days_of_bars().items()
    whole = gzip.compress(csv_text(rows, COLUMNS_OF[MINUTE_BARS]).encode(), mtime=0)
    land_text(lake, MINUTE_BARS, whole[: len(whole) // 2], at_noon(first), first)
    for day, good in others:
        land_bars(lake, good, at_noon(day), day=day)
    built = build(spark, lake)
    assert [(each.status, each.rows_out) for each in built] == [("blocked", 0)] + [("done", 2)] * 3
    assert {row["trade_dt"] for row in rows_of(lake)} == {day for day, _ in others}


@pytest.mark.parametrize(
    ("most_files", "rows_per_batch", "commits"), [(16, 1_000_000, 1), (3, 1_000_000, 2), (16, 1_000, 4)]
)
def test_a_batch_of_several_days_has_its_bounds(
    spark: SparkSession,
    lake: Lake,
    monkeypatch: pytest.MonkeyPatch,
    most_files: int,
    rows_per_batch: int,
    commits: int,
) -> None:
    monkeypatch.setattr(bar_files_build, "_MAX_FILES", most_files)
    for day in days_of_bars():
        rows = [bar(f"1{number // 60}:{number % 60:02}:00", day=day) for number in range(300)]
        land_bars(lake, rows, at_noon(day), day=day)
    built = build(spark, lake, rows_per_batch=rows_per_batch)
    assert [each.rows_out for each in built] == [300] * 4
    assert open_table(lake, BARS).version() == commits


def test_a_known_day_among_new_ones_is_corrected(spark: SparkSession, lake: Lake) -> None:
    days = list(days_of_bars())
    land_bars(lake, [bar(day=days[1])], at_noon(days[1]), day=days[1])
    build(spark, lake)
    land_bars(lake, [bar(day=days[1], close="50.350000")], at_noon(days[3]), day=days[1])
    for day in (days[0], days[2]):
        land_bars(lake, [bar(day=day)], at_noon(day), day=day)
    assert [each.rows_out for each in build(spark, lake)] == [1, 2, 1]
    closes = [row["close"] for row in rows_of(lake) if row["known_to"] is None]
    assert sorted(closes) == [Decimal("50.3"), Decimal("50.3"), Decimal("50.35")]


def test_equal_files_of_two_days_are_counted_separately(spark: SparkSession, lake: Lake) -> None:
    """A file published a second time, under the next day's name: its bars are not of that day."""
    friday, monday = date(2024, 11, 15), date(2024, 11, 18)
    for day in (friday, monday):
        land_bars(lake, [bar(day=friday), bar(minute(1), day=friday)], at_noon(monday), day=day)
    built = build(spark, lake)
    counts = [(each.rows_in, each.rows_out, each.rows_bad) for each in built]
    assert counts == [(2, 2, 0), (2, 0, 2)]


def test_among_files_of_several_days_a_refused_one_does_not_stop_the_others(
    spark: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    checks = tmp_path / "checks"
    shutil.copytree(CHECKS, checks)
    with (checks / "silver_bars.yml").open("a", encoding="utf-8") as rules:
        rules.write("  - max(close) < 100\n")
    first, *others = days_of_bars()
    land_bars(lake, [bar(day=first, high="200.0", close="150.0")], at_noon(first), day=first)
    for day in others:
        land_bars(lake, [bar(day=day)], at_noon(day), day=day)
    built = build_bar_files(replace(tick_workspace(lake), checks=checks), spark)
    assert [each.status for each in built] == ["blocked", "done", "done", "done"]
    assert {row["trade_dt"] for row in rows_of(lake)} == set(others)
