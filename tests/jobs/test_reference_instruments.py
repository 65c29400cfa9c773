"""Listings: payloads to validated instruments to history, on both engines."""

from datetime import date
from functools import partial
from typing import Any

import pytest
from pyspark.sql import SparkSession

from delta_tables.tables.silver import QUARANTINE
from delta_tables.tables.silver_reference import INSTRUMENTS
from jobs.parsing.alphavantage_reference import parse_alphavantage_instruments
from jobs.silver.instruments import instrument_changes, validated_instruments
from jobs.silver.quarantine import quarantine_rows
from tests.builders.reference_frames import after, empty_frame, listed, payloads_frame, rows_of_each

HEADER = "symbol,name,exchange,assetType,ipoDate,delistingDate,status\n"


def listing(*lines: str, dataset: str = "listing_status", **fields: Any) -> dict[str, Any]:
    body = (HEADER + "\n".join(lines)).encode()
    return listed(dataset, body, symbol="ALL", **fields)


def validated(engine: SparkSession, *rows: dict[str, Any]) -> list[Any]:
    return (
        validated_instruments(parse_alphavantage_instruments(payloads_frame(engine, *rows)))
        .orderBy("position")
        .collect()
    )


def test_a_line_is_an_instrument_with_the_days_it_was_listed(engine: SparkSession) -> None:
    (row,) = validated(engine, listing("A,Agilent Technologies Inc,NYSE,Stock,1999-11-18,null,Active"))
    assert (row["symbol"], row["name"], row["exchange"]) == ("A", "Agilent Technologies Inc", "NYSE")
    assert (row["valid_from"], row["valid_to"], row["status"]) == (date(1999, 11, 18), None, "active")
    assert (row["instrument_id"], row["asset_class"]) == ("alphavantage:A:1999-11-18", "stock")
    assert (row["position"], row["reasons"]) == ("line 2", [])


def test_what_is_missing_is_null_and_an_unknown_beginning_is_1900(engine: SparkSession) -> None:
    (row,) = validated(engine, listing("ZZZ,,NYSE,ETF,null,null,Active"))
    assert (row["name"], row["valid_from"], row["asset_class"]) == (None, date(1900, 1, 1), "fund")
    assert (row["instrument_id"], row["reasons"]) == ("alphavantage:ZZZ:1900-01-01", [])


def test_a_name_in_quotes_may_hold_a_comma(engine: SparkSession) -> None:
    (row,) = validated(engine, listing('X,"Steel, Inc",NYSE,Stock,1991-04-12,null,Active'))
    assert (row["name"], row["reasons"]) == ("Steel, Inc", [])


def test_a_symbol_used_again_is_two_instruments(engine: SparkSession) -> None:
    rows = [
        listing("AA,Alcoa Inc,NYSE,Stock,1962-01-02,2016-10-31,Delisted", dataset="delisted_status"),
        listing("AA,Alcoa Corp,NYSE,Stock,2016-11-01,null,Active", fetched_at=after(1)),
    ]
    validated_df = validated_instruments(parse_alphavantage_instruments(payloads_frame(engine, *rows)))
    changes_df = instrument_changes(validated_df, empty_frame(engine, INSTRUMENTS), "r1").orderBy(
        "valid_from"
    )
    assert [
        (row["name"], row["valid_to"], row["status"], row["known_to"]) for row in changes_df.collect()
    ] == [("Alcoa Inc", date(2016, 10, 31), "delisted", None), ("Alcoa Corp", None, "active", None)]


def test_a_rename_is_a_correction_of_what_was_known(engine: SparkSession) -> None:
    rows = [
        listing("FB,Facebook Inc,NASDAQ,Stock,2012-05-18,null,Active"),
        listing("FB,Meta Platforms Inc,NASDAQ,Stock,2012-05-18,null,Active", fetched_at=after(1)),
    ]
    validated_df = validated_instruments(parse_alphavantage_instruments(payloads_frame(engine, *rows)))
    changes_df = instrument_changes(validated_df, empty_frame(engine, INSTRUMENTS), "r1").orderBy(
        "known_from"
    )
    assert [(row["name"], row["known_to"] is None) for row in changes_df.collect()] == [
        ("Facebook Inc", False),
        ("Meta Platforms Inc", True),
    ]


BROKEN = [
    ("A,Agilent,NYSE,Stock,18 Nov 1999,null,Active", ["unreadable_date"]),
    ("A,Agilent,NYSE,Stock,1999-11-18,1998-01-01,Delisted", ["ends_before_it_begins"]),
    ("A,Agilent,NYSE,Stock,1999-11-18,null,Act", ["unknown_status"]),
    (",Agilent,NYSE,Stock,1999-11-18,null,Active", ["no_symbol"]),
    ("A,Agilent,NYSE,Stock,1999", ["other_symbol", "unknown_status"]),
]


@pytest.fixture(scope="module")
def broken_rows(engine: SparkSession) -> list[list[Any]]:
    return rows_of_each(partial(validated, engine), [listing(line) for line, _ in BROKEN])


@pytest.mark.parametrize("case", range(len(BROKEN)), ids=[line for line, _ in BROKEN])
def test_a_line_that_breaks_a_rule_says_which(broken_rows: list[list[Any]], case: int) -> None:
    (row,), (_, reasons) = broken_rows[case], BROKEN[case]
    assert row["reasons"] == reasons


def test_listings_that_cannot_be_read_do_not_vanish(engine: SparkSession) -> None:
    bodies = [b"", b"{}", HEADER.encode()]
    payloads = [listed("listing_status", body, symbol="ALL") for body in bodies]
    found = rows_of_each(partial(validated, engine), payloads)
    assert [[row["reasons"] for row in rows] for rows in found] == [[["no_rows"]]] * len(bodies)


def test_a_faulty_line_fits_the_quarantine_under_its_own_symbol(engine: SparkSession) -> None:
    frame_df = payloads_frame(engine, listing("A,Agilent,NYSE,Stock,never,null,Active"))
    validated_df = validated_instruments(parse_alphavantage_instruments(frame_df))
    (row,) = quarantine_rows(validated_df, empty_frame(engine, QUARANTINE), "r1").collect()
    assert (row["symbol"], row["reasons"], row["position"]) == ("A", ["unreadable_date"], "line 2")
    assert '"never"' in row["raw_values"]
