"""Trades and quotes are validated row by row, with the same result on both engines."""

import gzip
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from delta_tables.storage.lake import Lake
from jobs.parsing.flat_files import (
    COLUMNS_OF,
    DAY_BARS,
    QUOTES,
    TRADES,
    FlatFile,
    FlatFileError,
    Universe,
    read_bar_file,
    read_flat_file,
    reading,
)
from jobs.parsing.raw_schema import RAW_BAR_COLUMNS
from jobs.silver.quotes import validated_quotes
from jobs.silver.tick_batches import tick_batches
from jobs.silver.tick_rules import tick_day, with_batch_columns
from jobs.silver.trades import validated_trades
from tests.builders.flat_files import (
    DAY,
    LATER,
    REAL_ROWS,
    csv_text,
    land_quotes,
    land_text,
    land_trades,
    ns,
    quote,
    trade,
)

REAL_DAY = date(2026, 9, 18)
BAD_TRADES: dict[str, dict[str, str]] = {
    "missing_id": {"id": ""},
    "missing_sequence": {"sequence_number": ""},
    "missing_symbol": {"ticker": ""},
    "negative_size": {"size": "-1"},
    "not_positive_price": {"price": "0.000000"},
    "other_date": {"sip_timestamp": ns("10:00:00", date(2024, 11, 19))},
    "time_in_future": {"sip_timestamp": ns("23:00:00")},
    "unreadable_conditions": {"conditions": "12,x"},
    "unreadable_number": {"price": "1e2"},
    "unreadable_time": {"sip_timestamp": "99999999999999999999"},
}


def staged(engine: SparkSession, lake: Lake, file: FlatFile, universe: Universe = None) -> DataFrame:
    return with_batch_columns(read_flat_file(engine, lake, file, universe), tick_day(file.file_dt))


def trades_of(engine: SparkSession, lake: Lake, file: FlatFile, universe: Universe = None) -> list[Any]:
    validated_df = validated_trades(staged(engine, lake, file, universe), file, tick_day(file.file_dt))
    return validated_df.orderBy("symbol", "position").collect()


def test_a_trade_keeps_its_nanoseconds_its_fractions_and_its_conditions(
    engine: SparkSession, lake: Lake
) -> None:
    sip = ns("09:30:00", nanoseconds=1)
    given = trade(
        conditions="12,37", price="157.350000", size="0.001500", sip_timestamp=sip, trf_timestamp=sip
    )
    (row,) = trades_of(engine, lake, land_trades(lake, [given]))
    assert (row["sip_timestamp_ns"], row["trf_timestamp_ns"]) == (int(sip), int(sip))
    assert row["timestamp"] == datetime.fromisoformat("2024-11-18T14:30:00")
    assert (row["price"], row["size"]) == (Decimal("157.350000"), Decimal("0.001500"))
    assert (row["conditions"], row["is_odd_lot"], row["session"]) == ("12,37", True, "regular")
    assert (row["updates_open_close"], row["updates_high_low"], row["updates_volume"]) == (False, False, True)
    assert (row["trade_dt"], row["reasons"], row["raw_values"]) == (DAY, [], None)


def test_each_broken_rule_is_named_and_the_row_kept_as_received(engine: SparkSession, lake: Lake) -> None:
    rows = [trade(number, **cells) if "sequence_number" not in cells else trade(number) | cells
            for number, cells in enumerate(BAD_TRADES.values())]  # fmt: skip
    file = land_trades(lake, rows, fetched_at=datetime.fromisoformat("2024-11-18T23:00:00+00:00"))
    found = trades_of(engine, lake, file)
    by_id = {row["trade_id"]: row for row in found}
    for number, (reason, cells) in enumerate(BAD_TRADES.items()):
        row = by_id[None if reason == "missing_id" else str(1000 + number)]
        expected = {reason} | ({"time_in_future"} if reason == "other_date" else set())
        assert set(row["reasons"]) == expected, reason
        for text in cells.values():
            assert f'"{text}"' in row["raw_values"]
    assert len(found) == len(rows)


def test_numbers_that_their_columns_cannot_hold_are_set_aside(engine: SparkSession, lake: Lake) -> None:
    rows = [
        trade(1, sip_timestamp=str(2**63)),
        trade(2, exchange=str(2**31)),
        trade(3, price="1234567890123.5"),  # thirteen digits before the point
        trade(4, price="50.1234567"),
        trade(5, price="50.1234560000", size="12345678901234.123456", tape=str(2**31 - 1)),
    ]
    found = {row["sequence"]: row for row in trades_of(engine, lake, land_trades(lake, rows))}
    assert [found[number]["reasons"] for number in range(1, 6)] == [
        ["unreadable_time"], *[["unreadable_number"]] * 3, []
    ]  # fmt: skip
    last = found[5]
    assert (last["price"], last["size"]) == (Decimal("50.123456"), Decimal("12345678901234.123456"))
    assert last["tape"] == 2**31 - 1


@pytest.mark.parametrize(
    ("at", "session"),
    [("03:59:59", "closed"), ("04:00:00", "pre"), ("16:00:00", "post"), ("20:00:00", "closed")],
)
def test_the_session_is_the_calendars(spark: SparkSession, lake: Lake, at: str, session: str) -> None:
    (row,) = trades_of(spark, lake, land_trades(lake, [trade(at=at)]))
    assert (row["session"], row["reasons"]) == (session, [])


def test_a_half_day_ends_its_extended_hours_at_17(spark: SparkSession, lake: Lake) -> None:
    day = date(2024, 11, 29)
    rows = [trade(1, sip_timestamp=ns("13:00:00", day)), trade(2, sip_timestamp=ns("17:00:00", day))]
    found = trades_of(spark, lake, land_trades(lake, rows, LATER, day))
    assert [row["session"] for row in found] == ["post", "closed"]


def test_rows_of_a_file_of_no_session_are_set_aside(spark: SparkSession, lake: Lake) -> None:
    saturday = date(2024, 11, 16)
    file = land_trades(lake, [trade(sip_timestamp=ns("10:00:00", saturday))], day=saturday)
    assert [row["reasons"] for row in trades_of(spark, lake, file)] == [["not_a_session"]]


def test_a_row_earlier_than_a_lower_sequence_number_is_out_of_order(engine: SparkSession, lake: Lake) -> None:
    rows = [trade(1, "10:00:01"), trade(2, "10:00:00"), trade(3, "10:00:01"), trade(4, "09:00:00", "AIG")]
    found = trades_of(engine, lake, land_trades(lake, rows))
    assert {row["sequence_number"]: row["is_out_of_order"] for row in found} == {
        1: False, 2: True, 3: False, 4: False,
    }  # fmt: skip


def test_a_symbol_cut_into_batches_is_judged_as_if_it_were_whole(engine: SparkSession, lake: Lake) -> None:
    rows = [trade(7 * n, f"10:00:{(n * 37) % 60:02}") for n in range(1, 41)] + [trade(3, ticker="AIG")]
    file, day = land_trades(lake, rows), tick_day(DAY)
    staged_df = staged(engine, lake, file)
    batches = tick_batches(staged_df, ["GONE"], 12)
    assert max(batch.row_count for batch in batches) <= 12
    assert sum(batch.row_count for batch in batches) == len(rows)
    assert [batch for batch in batches if batch.first_symbol <= "GONE" <= batch.last_symbol]
    in_parts = [
        (row["symbol"], row["sequence_number"], row["is_out_of_order"])
        for batch in batches
        for row in validated_trades(
            staged_df.filter(batch.contains("ticker", "sequence")), file, day, batch.earlier_sip_ns
        ).collect()
    ]
    whole = [
        (row["symbol"], row["sequence_number"], row["is_out_of_order"])
        for row in trades_of(engine, lake, file)
    ]
    assert sorted(in_parts) == sorted(whole)
    assert any(flag for *_, flag in whole)


def test_quotes_say_what_side_is_missing_and_whether_they_cross(engine: SparkSession, lake: Lake) -> None:
    rows = [
        quote(1),
        quote(2, ask_price="0.0", ask_size="0"),
        quote(3, bid_price="0", ask_price="0"),
        quote(4, bid_price="50.31"),
        quote(5, bid_price="50.30"),
        quote(6, bid_price="-1"),
        quote(7, tape="x"),
    ]
    file = land_quotes(lake, rows)
    validated_df = validated_quotes(staged(engine, lake, file), file, tick_day(DAY))
    found = validated_df.orderBy("sequence_number").collect()
    flags = [(row["is_one_sided"], row["is_crossed"], row["is_locked"]) for row in found[:5]]
    nothing, one_sided = (False, False, False), (True, False, False)
    assert flags == [nothing, one_sided, one_sided, (False, True, False), (False, False, True)]
    assert [row["ask_price"] for row in found[:3]] == [Decimal("50.300000"), None, None]
    assert [row["reasons"] for row in found] == [[]] * 5 + [["negative_price_or_size"], ["unreadable_number"]]


@pytest.mark.parametrize(("day", "unit"), [(date(2025, 10, 31), "round_lot"), (date(2025, 11, 3), "share")])
def test_quote_sizes_are_in_shares_from_november_2025(
    spark: SparkSession, lake: Lake, day: date, unit: str
) -> None:
    file = land_quotes(lake, [quote(sip_timestamp=ns("10:00:00", day))], day=day)
    (row,) = validated_quotes(staged(spark, lake, file), file, tick_day(day)).collect()
    assert (row["size_unit"], row["bid_size"]) == (unit, Decimal(3))


def test_tickers_are_texts_and_a_row_without_one_is_in_every_universe(
    engine: SparkSession, lake: Lake
) -> None:
    tickers = ["NA", "NULL", "BRK.B", "BApA", "BAPA", ""]
    file = land_trades(lake, [trade(number, ticker=ticker) for number, ticker in enumerate(tickers)])
    assert {row["symbol"] for row in trades_of(engine, lake, file)} == set(tickers)
    chosen = trades_of(engine, lake, file, frozenset({"NA", "BApA"}))
    assert {row["symbol"] for row in chosen} == {"", "BApA", "NA"}


def test_columns_are_found_by_name(engine: SparkSession, lake: Lake) -> None:
    turned = csv_text([trade() | {"new": "1"}], ["new", *reversed(COLUMNS_OF[TRADES])])
    (row,) = trades_of(engine, lake, land_text(lake, TRADES, turned))
    assert (row["price"], row["reasons"]) == (Decimal("50.250000"), [])


GOOD = csv_text([trade(1), trade(2)], COLUMNS_OF[TRADES])


@pytest.mark.parametrize(
    "broken",
    [GOOD + "IBM,1,2\n", GOOD.replace(",0,0\n", ",0,0,9\n"), GOOD.replace("price", "cost"),
     gzip.compress(GOOD.encode())[:-12], b"<html>no such file</html>"],
    ids=["short line", "long lines", "other header", "cut file", "no gzip"],
)  # fmt: skip
def test_a_file_that_is_not_whole_is_refused_by_name(
    engine: SparkSession, lake: Lake, broken: str | bytes
) -> None:
    file = land_text(lake, TRADES, broken)
    with pytest.raises(FlatFileError, match="us_stocks_sip/trades_v1/2024/11/2024-11-18"):
        read_all(engine, lake, file)


def read_all(engine: SparkSession, lake: Lake, file: FlatFile) -> None:
    rows_df = read_flat_file(engine, lake, file, None)
    with reading(file):
        rows_df.collect()


@pytest.mark.skipif(not REAL_ROWS.exists(), reason="the captured rows are not on this machine")
def test_real_trades_and_quotes_are_read_and_those_of_another_day_set_aside(
    spark: SparkSession, lake: Lake
) -> None:
    trades = land_text(lake, TRADES, (REAL_ROWS / "trades_v1_rows.csv").read_text(), LATER, REAL_DAY)
    late = FlatFile(**{**vars(trades), "fetched_at": datetime.fromisoformat("2026-09-19T16:00:00+00:00")})
    found = trades_of(spark, lake, late)
    assert [(row["reasons"], row["price"], row["size"], row["trf_id"]) for row in found] == [
        ([], Decimal("157.350000"), Decimal(10), 202),
        (["other_date"], Decimal("129.790000"), Decimal(100), 0),
    ]
    quotes = land_text(lake, QUOTES, (REAL_ROWS / "quotes_v1_rows.csv").read_text(), LATER, date(2021, 8, 23))
    validated_df = validated_quotes(staged(spark, lake, quotes), quotes, tick_day(date(2021, 8, 23)))
    reasons = [row["reasons"] for row in validated_df.orderBy("sip_ns").collect()]
    assert reasons == [[], ["other_date", "time_in_future"], ["other_date", "time_in_future"]]


@pytest.mark.skipif(not REAL_ROWS.exists(), reason="the captured rows are not on this machine")
def test_bars_of_a_real_day_file_keep_their_texts(spark: SparkSession, lake: Lake) -> None:
    text = (REAL_ROWS / "day_aggs_v1_2026-10-02.csv").read_text()
    file = land_text(lake, DAY_BARS, text, LATER, date(2026, 10, 2))
    bars_df = read_bar_file(spark, lake, file, frozenset({"AAPL", "BRK.B"}))
    assert bars_df.columns == list(RAW_BAR_COLUMNS)
    apple = bars_df.filter("symbol = 'AAPL'").collect()[0]
    assert (apple["high_text"], apple["low_text"], apple["close_text"]) == (
        "334.540000",
        "330.610000",
        "333.690000",
    )
    assert (apple["volume_text"], apple["timestamp_text"]) == ("33278552.153126", "1790913600000000000")
    assert (apple["position"], apple["payload_id"]) == ("AAPL/1790913600000000000", file.file_id)
    assert {row["symbol"] for row in bars_df.collect()} == {"AAPL", "BRK.B"}
