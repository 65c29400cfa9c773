"""Bars and features from trades and quotes: which trades count, in which order, and what differs."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.bars_from_trades import vendor_bars, without_sweeps
from benchmarks.lean_flat_files import Source, write_flat_files
from delta_tables.storage.lake import Lake
from delta_tables.tables.gold_ticks import TRADE_BAR_DIFFERENCES
from delta_tables.tables.silver_ticks import QUOTES, TRADES
from delta_tables.views.tick_views import CURRENT, HAPPENED
from jobs.gold.tick_features import tick_features
from jobs.gold.trade_bars import bar_differences, trade_bars
from jobs.history.bitemporal import CHANGE_TYPE
from jobs.history.file_history import initial_file_rows
from jobs.history.row_diff import diff_rows
from jobs.parsing.flat_files import FlatFile, read_flat_file
from jobs.silver.quotes import validated_quotes
from jobs.silver.tick_rules import tick_day, with_batch_columns
from jobs.silver.trades import validated_trades
from tests.builders.flat_files import LEAN, Row, land_quotes, land_text, land_trades, ns, quote, trade

T10 = datetime.fromisoformat("2024-11-18T15:00:00")


def trades_frame(engine: SparkSession, lake: Lake, rows: list[Row] | FlatFile) -> DataFrame:
    file = rows if isinstance(rows, FlatFile) else land_trades(lake, rows)
    staged_df = with_batch_columns(read_flat_file(engine, lake, file, None), tick_day(file.file_dt))
    return initial_file_rows(validated_trades(staged_df, file, tick_day(file.file_dt)), TRADES, "run").drop(
        CHANGE_TYPE
    )


def quotes_frame(engine: SparkSession, lake: Lake, rows: list[Row]) -> DataFrame:
    file = land_quotes(lake, rows)
    staged_df = with_batch_columns(read_flat_file(engine, lake, file, None), tick_day(file.file_dt))
    return initial_file_rows(validated_quotes(staged_df, file, tick_day(file.file_dt)), QUOTES, "run").drop(
        CHANGE_TYPE
    )


def bars_of(engine: SparkSession, lake: Lake, rows: list[Row]) -> list[tuple[Any, ...]]:
    bars_df = trade_bars(trades_frame(engine, lake, rows)).orderBy("symbol", "timestamp")
    return [
        (
            *(f"{float(row[name]):g}" for name in ("open", "high", "low", "close", "volume")),
            row["trade_count"],
        )
        for row in bars_df.collect()
    ]


def test_open_and_close_go_by_sip_time_then_sequence(engine: SparkSession, lake: Lake) -> None:
    rows = [
        trade(4, "10:00:30", price="4"),
        trade(3, "10:00:30", price="3"),
        trade(9, "10:00:10", price="9"),
        trade(2, "10:00:20", price="1"),
        trade(5, "10:01:00", price="5"),
    ]
    assert bars_of(engine, lake, rows) == [("9", "9", "1", "4", "400", 4), ("5", "5", "5", "5", "100", 1)]


def test_conditions_say_what_a_trade_counts_for(engine: SparkSession, lake: Lake) -> None:
    rows = [
        trade(1, price="10"),
        trade(2, price="99", conditions="37"),  # an odd lot: volume only
        trade(3, price="11", conditions="10"),  # derivatively priced: high and low, not close
        trade(4, price="1", conditions="14,2"),  # one of two conditions is enough
        trade(5, price="77", conditions="15"),  # the official close: no volume either
        trade(6, price="88", conditions="199"),  # unknown: volume only
    ]
    assert bars_of(engine, lake, rows) == [("10", "11", "10", "10", "500", 6)]


def test_a_minute_in_which_no_trade_counts_for_the_close_has_no_bar(engine: SparkSession, lake: Lake) -> None:
    assert bars_of(engine, lake, [trade(1, conditions="37"), trade(2, conditions="10")]) == []


def test_form_t_makes_bars_outside_the_regular_session(spark: SparkSession, lake: Lake) -> None:
    assert len(bars_of(spark, lake, [trade(1, "08:00:00", conditions="12")])) == 1


def test_corrections_are_the_readers_choice(engine: SparkSession, lake: Lake) -> None:
    codes = ["0", "", "1", "7", "8", "10", "11", "12"]
    rows = [trade(number, correction=code) for number, code in enumerate(codes)]
    trades_frame(engine, lake, rows).createOrReplaceTempView("some_trades")
    reported = engine.sql(f"SELECT * FROM some_trades WHERE {CURRENT}").collect()
    corrected = engine.sql(f"SELECT * FROM some_trades WHERE {CURRENT} AND {HAPPENED}").collect()
    assert len(reported) == len(codes)
    assert sorted(row["correction"] for row in corrected) == [0, 0, 1]
    assert {row["correction"] for row in reported if row["is_cancelled"]} == {7, 8, 10, 11}


def vendor(engine: SparkSession, *bars: tuple[int, str, str]) -> DataFrame:
    """Vendor's bars: minute after 10:00, close, volume; all prices are the close."""
    rows = [("massive", "IBM", date(2024, 11, 18), minute, close, volume) for minute, close, volume in bars]
    schema = "provider string, symbol string, trade_dt date, minute int, price string, volume string"
    frame_df = engine.createDataFrame(rows, schema)
    at = F.timestamp_seconds(F.col("minute") * 60 + int(ns("10:00:00")) // 1_000_000_000)
    price = F.col("price").cast("decimal(24,12)")
    return frame_df.select(
        *("provider", "symbol", "trade_dt"),
        at.alias("timestamp"),
        *(price.alias(name) for name in ("open", "high", "low", "close")),
        F.col("volume").cast("decimal(28,8)").alias("volume"),
        F.lit(False).alias("is_simulated"),
    )


def test_the_report_has_what_differs_and_what_only_one_has(engine: SparkSession, lake: Lake) -> None:
    rows = [trade(1, "10:00:00"), trade(2, "10:01:00"), trade(3, "10:02:00")]
    ours_df = trade_bars(trades_frame(engine, lake, rows))
    theirs_df = vendor(engine, (0, "50.25", "100"), (1, "50.25", "100.5"), (2, "50.26", "100"), (3, "9", "1"))
    found = bar_differences(ours_df, theirs_df, "run").orderBy("timestamp", "measure").collect()
    by_minute = {(row["timestamp"].minute, row["measure"]): row for row in found}
    assert len(found) == 1 + 4 + 5
    assert by_minute[1, "volume"]["difference"] == Decimal("-0.5")
    assert by_minute[1, "volume"]["is_within"]
    assert not by_minute[2, "close"]["is_within"]
    assert (by_minute[3, "open"]["from_trades"], by_minute[3, "open"]["from_vendor"]) == (None, Decimal(9))


def test_a_difference_that_went_is_deleted_and_an_equal_one_left(engine: SparkSession, lake: Lake) -> None:
    ours_df = trade_bars(trades_frame(engine, lake, [trade(1), trade(2, "10:01:00")]))
    before_df = bar_differences(ours_df, vendor(engine, (0, "50.25", "7"), (1, "50.25", "8")), "first")
    after_df = bar_differences(ours_df, vendor(engine, (0, "50.25", "7"), (1, "50.25", "100")), "second")
    (gone,) = diff_rows(after_df, before_df, TRADE_BAR_DIFFERENCES).collect()
    assert (gone[CHANGE_TYPE], gone["from_vendor"]) == ("delete", Decimal(8))


def test_features_of_a_minute(engine: SparkSession, lake: Lake) -> None:
    rows = [
        trade(1, "10:00:00", size="40"),
        trade(2, "10:19:00", price="40"),
        trade(3, "10:20:00", price="42.5"),
    ]
    quotes = [
        quote(1, "10:20:01", bid_price="50.10"),
        quote(2, "10:20:02"),
        quote(3, "10:20:03", ask_price="0"),
        quote(4, "10:21:00", bid_price="0"),
    ]
    features_df = tick_features(trades_frame(engine, lake, rows), quotes_frame(engine, lake, quotes), "run")
    first, second, third, fourth = features_df.orderBy("timestamp").collect()
    assert (first["timestamp"], first["return"], first["volume_avg_20"]) == (T10, None, None)
    assert second["volume_avg_20"] is None  # 19 minutes after the day's first tick
    assert (third["spread"], third["mid_price"]) == (Decimal("0.100000"), Decimal("50.2500000"))
    assert third["spread_pct"] == Decimal("0.199005")
    assert (third["volume_avg_20"], third["volume_ratio_20"]) == (Decimal(7), Decimal("14.285714"))
    assert (third["return"], third["log_return"]) == (0.0625, 0.060624621816)
    assert (third["quote_count"], third["trade_count"]) == (3, 1)
    assert (fourth["spread"], fourth["close"], fourth["volume"]) == (None, None, Decimal(0))
    assert (fourth["trade_count"], fourth["volume_avg_20"]) == (0, Decimal(10))


@pytest.mark.skipif(not LEAN.exists(), reason="the LEAN sample data is not on this machine")
def test_bars_from_a_real_day_differ_from_the_vendors_by_little_and_the_report_says_where(
    spark: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    source = Source(LEAN / "tick", ("IBM",), date(2013, 10, 7))
    path, count = write_flat_files(source, tmp_path)["trades_v1"]
    fetched_at = datetime.fromisoformat("2013-10-08T15:00:00+00:00")
    file = land_text(lake, "trades_v1", path.read_bytes(), fetched_at, source.day)
    trades_df = trades_frame(spark, lake, file)
    assert trades_df.count() == count == 24_293
    bars_df, vendor_df = trade_bars(trades_df), vendor_bars(spark, LEAN, source)
    assert (bars_df.count(), vendor_df.count()) == (444, 453)
    both_df = of_both(bar_differences(bars_df, vendor_df, "run"))
    assert counts(both_df) == {"open": 72, "high": 63, "low": 83, "close": 75, "volume": 2}
    furthest = both_df.filter("measure <> 'volume'").agg(
        F.max(F.abs(F.col("difference") / F.col("from_vendor")))
    )
    assert float(furthest.collect()[0][0]) < 0.003
    # nearly all of it is one rule: LEAN's supplier leaves intermarket sweeps out of its prices
    by_its_rule_df = bar_differences(trade_bars(without_sweeps(trades_df)), vendor_df, "run")
    assert counts(of_both(by_its_rule_df)) == {"open": 7, "high": 10, "low": 6, "close": 6, "volume": 2}


def of_both(differences_df: DataFrame) -> DataFrame:
    return differences_df.filter("from_trades is not null and from_vendor is not null")


def counts(differences_df: DataFrame) -> dict[str, int]:
    return {row["measure"]: row["count"] for row in differences_df.groupBy("measure").count().collect()}
