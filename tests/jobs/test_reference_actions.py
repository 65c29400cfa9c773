"""Splits and dividends: payloads to validated actions to history, on both engines."""

from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.tables.silver import QUARANTINE
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from jobs.parsing.alphavantage_reference import parse_alphavantage_actions
from jobs.parsing.raw_schema import RAW_ACTION_COLUMNS
from jobs.silver.corporate_actions import corporate_action_changes, validated_corporate_actions
from jobs.silver.quarantine import quarantine_rows
from tests.builders.reference_frames import (
    RECEIVED,
    after,
    as_values,
    empty_frame,
    listed,
    payloads_frame,
    rows_of_each,
)

SPLITS_CSV = b"effective_date,split_factor\n2021-11-04,1.0460\n1999-05-27,2.0000\n"


def validated_frame(engine: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    """The validated actions of some payloads."""
    return as_values(validated_corporate_actions(parse_alphavantage_actions(payloads_frame(engine, *rows))))


def validated(engine: SparkSession, *rows: dict[str, Any]) -> list[Any]:
    validated_df = validated_frame(engine, *rows)
    return validated_df.orderBy("payload_id", "position").collect()


def split(day: str, factor: str) -> dict[str, str]:
    return {"effective_date": day, "split_factor": factor}


def dividend(day: str, amount: str, **dates: str) -> dict[str, str]:
    unknown = dict.fromkeys(("declaration_date", "record_date", "payment_date"), "None")
    return {"ex_dividend_date": day, **unknown, **dates, "amount": amount}


def test_splits_in_csv_and_in_json_are_the_same_actions(engine: SparkSession) -> None:
    in_json = {"symbol": "IBM", "data": [split("2021-11-04", "1.0460"), split("1999-05-27", "2.0000")]}
    rows = validated(engine, listed("splits", SPLITS_CSV)) + validated(engine, listed("splits", in_json))
    found = [(row["ex_dt"], row["ratio"], row["amount"], row["label"], row["reasons"]) for row in rows]
    kyndryl: tuple[Any, ...] = (date(2021, 11, 4), Decimal("1.046"), None, "split", [])
    two: tuple[Any, ...] = (date(1999, 5, 27), Decimal(2), None, "split", [])
    assert found == [kyndryl, two] * 2
    assert [row["position"] for row in rows] == ["line 2", "line 3", "/data/0", "/data/1"]


def test_a_dividend_has_its_dates_and_none_where_the_provider_has_none(engine: SparkSession) -> None:
    body = {"symbol": "IBM", "data": [dividend("2026-05-08", "1.69", record_date="2026-05-09")]}
    (row,) = validated(engine, listed("dividends", body))
    assert (row["action"], row["label"], row["ex_dt"]) == ("dividend", "cash", date(2026, 5, 8))
    assert (row["amount"], row["ratio"], row["currency"]) == (Decimal("1.69"), None, None)
    assert (row["declared_dt"], row["record_dt"], row["payment_dt"]) == (None, date(2026, 5, 9), None)
    assert row["reasons"] == []


@pytest.mark.parametrize("body", [{"symbol": "IBM", "data": []}, b"effective_date,split_factor\r\n"])
def test_a_list_that_says_there_are_no_actions_gives_no_row(engine: SparkSession, body: Any) -> None:
    assert validated(engine, listed("splits", body)) == []


UNREADABLE = [{"a": 1}, b"<html>", b"", b'{"symbol": "IBM", "data": [{', b"[1]"]


def test_payloads_that_cannot_be_read_do_not_vanish(engine: SparkSession) -> None:
    found = rows_of_each(partial(validated, engine), [listed("splits", body) for body in UNREADABLE])
    assert [[row["reasons"] for row in rows] for rows in found] == [[["no_rows"]]] * len(UNREADABLE)


BROKEN: list[tuple[str, Any, list[str]]] = [
    ("splits", split("1999-02-30", "2"), ["unreadable_date"]),
    ("splits", split("None", "2"), ["unreadable_date"]),
    ("splits", split("1999-05-27", "two"), ["unreadable_number"]),
    ("splits", split("1999-05-27", "NaN"), ["unreadable_number"]),
    ("splits", split("1999-05-27", "0"), ["not_positive_ratio"]),
    ("splits", split("1999-05-27", "-2"), ["not_positive_ratio"]),
    ("dividends", dividend("1999-05-27", "0"), ["not_positive_amount"]),
    ("dividends", dividend("1999-05-27", "None"), ["unreadable_number"]),
    ("dividends", dividend("1999-05-27", "1", payment_date="soon"), ["unreadable_date"]),
    ("splits", {}, ["unreadable_date", "unreadable_number"]),
    ("splits", "a word", ["unreadable_date", "unreadable_number"]),
]


@pytest.fixture(scope="module")
def broken_rows(engine: SparkSession) -> list[list[Any]]:
    rows = [listed(dataset, {"symbol": "IBM", "data": [entry]}) for dataset, entry, _ in BROKEN]
    return rows_of_each(partial(validated, engine), rows)


@pytest.mark.parametrize("case", range(len(BROKEN)), ids=[str(entry) for _, entry, _ in BROKEN])
def test_an_action_that_breaks_a_rule_says_which(broken_rows: list[list[Any]], case: int) -> None:
    (row,), (_, _, reasons) = broken_rows[case], BROKEN[case]
    assert row["reasons"] == reasons


def test_a_list_about_another_symbol_is_not_believed_and_class_shares_are_one_symbol(
    engine: SparkSession,
) -> None:
    entry = [split("1999-05-27", "2")]
    (other,) = validated(engine, listed("splits", {"symbol": "MSFT", "data": entry}))
    (same,) = validated(engine, listed("splits", {"symbol": "BRK-B", "data": entry}, symbol="BRK.B"))
    assert (other["reasons"], same["reasons"]) == (["other_symbol"], [])


def test_a_csv_line_that_does_not_fit_its_header_is_set_aside_with_its_text(engine: SparkSession) -> None:
    (row,) = validated(engine, listed("splits", b"effective_date,split_factor\n1999-05-27,2,0\n"))
    assert row["reasons"] == ["unreadable_date", "unreadable_number"]
    assert "1999-05-27,2,0" in row["raw_values"]


def test_two_dividends_of_one_day_are_two_in_whatever_order_they_are_listed(engine: SparkSession) -> None:
    both = [dividend("2012-11-28", "3.00"), dividend("2012-11-28", "0.25")]
    for entries in (both, both[::-1]):
        rows = validated(engine, listed("dividends", {"symbol": "IBM", "data": entries}))
        assert {(row["label"], row["amount"]) for row in rows} == {
            ("cash", Decimal("0.25")),
            ("cash 2", Decimal("3.00")),
        }


def test_a_dividend_that_is_listed_twice_is_one_dividend(engine: SparkSession) -> None:
    twice = [dividend("2012-11-28", "3.00")] * 2
    validated_df = validated_frame(engine, listed("dividends", {"symbol": "IBM", "data": twice}))
    changes_df = corporate_action_changes(
        as_values(validated_df), empty_frame(engine, CORPORATE_ACTIONS), "r1"
    )
    assert [row["amount"] for row in changes_df.collect()] == [Decimal("3.00")]


# New shares, old ones, the ratio, what is wrong.
RATIOS: list[tuple[str, str | None, str | None, list[str]]] = [
    ("3", "2", "1.5", []),
    ("1", "3", "0.3333333333", []),
    ("2", "3", "0.6666666667", []),
    ("1", "1000000", "0.000001", []),
    ("4.0", "1.0", "4", []),
    ("1", "0", None, ["not_positive_ratio"]),
    ("0", "0", None, ["not_positive_ratio"]),
    ("1", None, None, ["unreadable_number"]),
]


@pytest.fixture(scope="module")
def rows_with_ratios(engine: SparkSession) -> dict[str, Any]:
    raw: dict[str, Any] = dict.fromkeys(RAW_ACTION_COLUMNS)
    raw |= {"provider": "yahoo", "dataset": "daily", "symbol": "A", "action": "split"}
    raw |= {"label": "split", "ex_text": "1999-05-27"}
    kinds = {"fetched_at": "timestamp", "is_simulated": "boolean"}
    rows = [
        {**raw, "position": str(case), "numerator_text": new, "denominator_text": old}
        for case, (new, old, _, _) in enumerate(RATIOS)
    ]
    schema = ", ".join(f"`{name}` {kinds.get(name, 'string')}" for name in raw | rows[0])
    rows_df = engine.createDataFrame([tuple(row.values()) for row in rows], schema)
    return {row["position"]: row for row in validated_corporate_actions(rows_df).collect()}


@pytest.mark.parametrize("case", range(len(RATIOS)), ids=[f"{new}:{old}" for new, old, *_ in RATIOS])
def test_the_ratio_is_new_shares_for_an_old_one_as_an_exact_decimal(
    rows_with_ratios: dict[str, Any], case: int
) -> None:
    row, (_, _, ratio, reasons) = rows_with_ratios[str(case)], RATIOS[case]
    assert len(rows_with_ratios) == len(RATIOS)
    assert (row["ratio"], row["reasons"]) == (None if ratio is None else Decimal(ratio), reasons)


def test_a_corrected_dividend_closes_what_was_known_and_a_repeat_changes_nothing(
    engine: SparkSession,
) -> None:
    def body(amount: str) -> dict[str, Any]:
        return {"symbol": "IBM", "data": [dividend("2026-05-08", amount), dividend("2026-02-10", "1.68")]}

    rows = [
        listed("dividends", body("1.69")),
        listed("dividends", body("1.69"), fetched_at=after(1)),
        listed("dividends", body("1.70"), fetched_at=after(2)),
    ]
    validated_df = validated_frame(engine, *rows)
    changes_df = corporate_action_changes(
        as_values(validated_df), empty_frame(engine, CORPORATE_ACTIONS), "r1"
    )
    found = changes_df.orderBy("ex_dt", "known_from").collect()
    naive = [instant.replace(tzinfo=None) for instant in (RECEIVED, after(2))]
    assert [(row["amount"], row["known_from"], row["known_to"]) for row in found] == [
        (Decimal("1.68"), naive[0], None),
        (Decimal("1.69"), naive[0], naive[1]),
        (Decimal("1.70"), naive[1], None),
    ]


def test_a_split_that_a_later_list_no_longer_has_was_withdrawn(engine: SparkSession) -> None:
    both = [split("2021-11-04", "1.0460"), split("1999-05-27", "2.0000")]
    rows = [
        listed("splits", {"symbol": "IBM", "data": both}),
        listed("splits", {"symbol": "IBM", "data": both[1:]}, fetched_at=after(1)),
        listed("dividends", {"symbol": "IBM", "data": [dividend("2026-05-08", "1.69")]}, fetched_at=after(2)),
    ]
    validated_df = validated_frame(engine, *rows)
    changes_df = corporate_action_changes(
        as_values(validated_df), empty_frame(engine, CORPORATE_ACTIONS), "r1"
    )
    found = {row["ex_dt"]: row["known_to"] for row in changes_df.collect()}
    assert found == {
        date(2021, 11, 4): after(1).replace(tzinfo=None),
        date(1999, 5, 27): None,
        date(2026, 5, 8): None,
    }


def test_a_faulty_action_fits_the_quarantine(engine: SparkSession) -> None:
    validated_df = validated_frame(engine, listed("splits", {"symbol": "IBM", "data": [split("never", "2")]}))
    (row,) = quarantine_rows(validated_df, empty_frame(engine, QUARANTINE), "r1").collect()
    assert (row["dataset"], row["interval"], row["position"]) == ("splits", "none", "/data/0")
    assert (row["reasons"], '"never"' in row["raw_values"]) == (["unreadable_date"], True)


def test_the_dataset_and_the_time_of_fetching_stay_with_a_validated_action(engine: SparkSession) -> None:
    validated_df = validated_frame(engine, listed("splits", SPLITS_CSV))
    assert {"dataset", "fetched_at"} <= set(validated_df.columns)
    assert validated_df.select(F.countDistinct("dataset")).first()[0] == 1  # type: ignore[index]
