"""Payloads to validated bars, on both engines."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs.market_calendar.sessions import FX, STOCKS_US, sessions_frame
from jobs.parsing.alphavantage import parse_alphavantage_bars
from jobs.silver.bar_rules import validate_bars
from tests.builders.payloads import T0, Bar, bar, daily, intraday, payload
from tests.builders.reference_frames import Validate, payloads_frame, rows_of_each


@pytest.fixture(scope="module")
def validate(engine: SparkSession) -> Validate:
    """Validates the bars of payloads, against two years of sessions."""
    sessions_df = sessions_frame(engine, (STOCKS_US, FX), date(2009, 1, 1), date(2011, 1, 1))

    def validated(*rows: dict[str, Any]) -> list[Any]:
        raw_df = parse_alphavantage_bars(payloads_frame(engine, *rows))
        return validate_bars(raw_df, sessions_df).orderBy("timestamp_text").collect()

    return validated


def test_a_daily_bar_begins_at_midnight_in_new_york_and_belongs_to_its_session(validate: Validate) -> None:
    (row,) = validate(daily("AAPL", {"2010-08-20": bar("10.25", "5000")}))
    assert row["timestamp"].replace(tzinfo=UTC) == datetime(2010, 8, 20, 4, tzinfo=UTC)
    assert (row["trade_dt"], row["session"], row["partition_dt"]) == (
        date(2010, 8, 20),
        "regular",
        date(2010, 1, 1),
    )
    assert (row["close"], row["volume"], row["reasons"]) == (Decimal("10.25"), Decimal(5000), [])
    assert row["position"] == "/Time Series (Daily)/2010-08-20"


INTRADAY = [
    ("2010-08-20 04:00:00", 8, "pre"),
    ("2010-08-20 09:30:00", 13, "regular"),
    ("2010-08-20 16:00:00", 20, "post"),
    ("2010-01-15 09:30:00", 14, "regular"),
]


@pytest.fixture(scope="module")
def intraday_rows(validate: Validate) -> list[list[Any]]:
    return rows_of_each(validate, [intraday("AAPL", {wall: bar()}) for wall, *_ in INTRADAY])


@pytest.mark.parametrize("case", range(len(INTRADAY)), ids=[wall for wall, *_ in INTRADAY])
def test_intraday_times_are_read_in_new_york_whatever_the_season(
    intraday_rows: list[list[Any]], case: int
) -> None:
    (row,), (_, utc_hour, session) = intraday_rows[case], INTRADAY[case]
    assert (row["timestamp"].hour, row["session"], row["reasons"]) == (utc_hour, session, [])
    assert row["partition_dt"] == row["trade_dt"]


def test_a_coin_told_in_two_currencies_has_the_prices_of_its_market(validate: Validate) -> None:
    """As until 2024: https://www.alphavantage.co/documentation/#currency-daily"""
    two_currencies = {
        f"{number}{letter}. {name} ({currency})": price
        for number, (name, prices) in enumerate(
            {"open": ("8", "10"), "high": ("9", "12"), "low": ("7", "9"), "close": ("8.5", "11")}.items(),
            start=1,
        )
        for letter, currency, price in zip("ab", ("EUR", "USD"), prices, strict=True)
    }
    body = {
        "Meta Data": {"2. Digital Currency Code": "BTC", "4. Market Code": "EUR", "7. Time Zone": "UTC"},
        "Time Series (Digital Currency Daily)": {
            day: {**two_currencies, "5. volume": "3.5", "6. market cap (USD)": "3.5"}
            for day in ("2010-08-18", "2010-08-19")
        },
    }
    rows = validate(
        payload(dataset="crypto_daily", symbol="BTC-EUR", interval="1day", fetched_at=T0, body=body),
    )
    expected = tuple(map(Decimal, ("8", "9", "7", "8.5", "3.5")))
    assert [tuple(row[name] for name in ("open", "high", "low", "close", "volume")) for row in rows] == 2 * [
        expected
    ]
    assert {row["symbol_text"] for row in rows} == {"BTC-EUR"}


BROKEN: list[tuple[str, Bar, list[str]]] = [
    ("2010-08-20", ("10", "9.5", "9", "9.2", "1"), ["high_not_highest"]),
    ("2010-08-20", ("10", "11", "10.5", "10.7", "1"), ["low_not_lowest"]),
    ("2010-08-20", ("0", "11", "0", "10", "1"), ["not_positive_price"]),
    ("2010-08-20", ("10", "11", "9", "10", "-1"), ["negative_volume"]),
    ("2010-08-20", ("10", "11", "9", "NaN", "1"), ["unreadable_number"]),
    ("2010-08-20", ("10", "Infinity", "9", "10", "1"), ["unreadable_number"]),
    ("2010-08-20", ("10", "11", "9", "", "1"), ["unreadable_number"]),
    ("2010-08-20", ("10", "1e1", "9", "10", "1"), ["unreadable_number"]),
    ("2010-08-20", ("10", "11", "9", "10", "many"), ["unreadable_number"]),
    ("2010-08-14", ("10", "11", "9", "10", "1"), ["not_a_session"]),
    ("2010-08-23", ("10", "11", "9", "10", "1"), ["time_in_future"]),
    ("20 Aug 2010", ("10", "11", "9", "10", "1"), ["unreadable_time"]),
    ("2010-13-45", ("10", "11", "9", "10", "1"), ["unreadable_time"]),
]


@pytest.fixture(scope="module")
def broken_rows(validate: Validate) -> list[list[Any]]:
    return rows_of_each(validate, [daily("AAPL", {when: values}) for when, values, _ in BROKEN])


@pytest.mark.parametrize(
    "case", range(len(BROKEN)), ids=[f"{reasons[0]}-{values}" for _, values, reasons in BROKEN]
)
def test_a_bar_that_breaks_a_rule_says_which(broken_rows: list[list[Any]], case: int) -> None:
    (row,), (when, values, reasons) = broken_rows[case], BROKEN[case]
    assert row["reasons"] == reasons
    assert json.loads(row["raw_values"]) == [when, *values]


def test_a_bar_after_the_extended_hours_of_a_half_day_is_outside_its_session(validate: Validate) -> None:
    times = {"2009-11-27 12:55:00": bar(), "2009-11-27 16:55:00": bar(), "2009-11-27 17:30:00": bar()}
    rows = validate(intraday("AAPL", times))
    assert [(row["session"], row["reasons"]) for row in rows] == [
        ("regular", []),
        ("post", []),
        (None, ["outside_session"]),
    ]


def test_a_payload_about_another_symbol_is_not_believed(validate: Validate) -> None:
    (row,) = validate({**daily("AAPL", {"2010-08-20": bar()}), "symbol": "MSFT"})
    assert row["reasons"] == ["other_symbol"]


def test_a_payload_without_bars_does_not_vanish(validate: Validate) -> None:
    (row,) = validate(payload(dataset="daily", symbol="AAPL", interval="1day", fetched_at=T0, body={"a": 1}))
    assert "no_rows" in row["reasons"]


def test_a_payload_that_states_another_zone_than_its_exchanges_is_not_believed(validate: Validate) -> None:
    row = daily("AAPL", {"2010-08-20": bar()})
    (wrong_zone,) = validate({**row, "body": row["body"].replace(b"US/Eastern", b"UTC")})
    assert wrong_zone["reasons"] == ["other_zone"]


def test_a_csv_header_without_lines_does_not_vanish(validate: Validate) -> None:
    body = b"timestamp,open,high,low,close,volume\r\n"
    (row,) = validate(payload(dataset="daily", symbol="A", interval="1day", fetched_at=T0, body=body))
    assert row["reasons"] == ["unreadable_number", "unreadable_time"]


def test_csv_bodies_are_read_by_line_and_say_where_each_bar_stood(validate: Validate) -> None:
    body = b"timestamp,open,high,low,close,volume\r\n2010-08-20,10,11,9,10.5,100\r\n2010-08-19,10,11,9\r\n"
    bad, good = validate(payload(dataset="daily", symbol="A", interval="1day", fetched_at=T0, body=body))
    assert (good["position"], good["close"], good["reasons"]) == ("line 2", Decimal("10.5"), [])
    assert (bad["position"], bad["reasons"]) == ("line 3", ["unreadable_number"])


def test_currencies_have_no_volume_and_never_close(validate: Validate) -> None:
    body = {
        "Meta Data": {"2. From Symbol": "EUR", "3. To Symbol": "USD", "6. Time Zone": "UTC"},
        "Time Series FX (Daily)": {
            "2010-08-20": {"1. open": "1.2", "2. high": "1.3", "3. low": "1.1", "4. close": "1.25"}
        },
    }
    (row,) = validate(payload(dataset="fx_daily", symbol="EURUSD", interval="1day", fetched_at=T0, body=body))
    assert (row["asset_class"], row["session"], row["volume"], row["reasons"]) == ("fx", "24x7", None, [])
    assert row["timestamp"].replace(tzinfo=UTC) == datetime(2010, 8, 20, tzinfo=UTC)


# An instant, and the session that it belongs to.
WEEK = [
    ("2010-01-17 21:55:00", None),  # winter: 16:55 in New York, before the week begins
    ("2010-01-17 22:00:00", "2010-01-18"),
    ("2010-01-17 23:55:00", "2010-01-18"),
    ("2010-01-18 00:00:00", "2010-01-18"),
    ("2010-03-07 21:30:00", None),  # the last Sunday before clocks go forward in New York
    ("2010-03-14 21:00:00", "2010-03-15"),  # the Sunday on which they do: 17:00 there
    ("2010-08-15 20:55:00", None),  # summer
    ("2010-08-15 21:00:00", "2010-08-16"),
    ("2010-08-13 21:30:00", "2010-08-13"),  # Friday evening stays Friday's
    ("2010-08-14 22:00:00", None),  # Saturday
    ("2010-08-17 22:00:00", "2010-08-17"),  # within the week a session is the UTC day
]


@pytest.fixture(scope="module")
def rows_of_the_week(validate: Validate) -> list[list[Any]]:
    return rows_of_each(validate, [euro_at(wall) for wall, _ in WEEK])


def euro_at(wall: str) -> dict[str, Any]:
    """A payload with one bar of EURUSD, of five minutes, which begins at this time of UTC."""
    body = {
        "Meta Data": {"2. From Symbol": "EUR", "3. To Symbol": "USD", "7. Time Zone": "UTC"},
        "Time Series FX (5min)": {
            wall: {"1. open": "1.2", "2. high": "1.3", "3. low": "1.1", "4. close": "1.25"}
        },
    }
    return payload(dataset="fx_intraday", symbol="EURUSD", interval="5min", fetched_at=T0, body=body)


@pytest.mark.parametrize("case", range(len(WEEK)), ids=[wall for wall, _ in WEEK])
def test_the_week_of_currencies_begins_on_sunday_evening_with_mondays_session(
    rows_of_the_week: list[list[Any]], case: int
) -> None:
    (row,), (wall, trade_dt) = rows_of_the_week[case], WEEK[case]
    assert row["timestamp"].replace(tzinfo=UTC) == datetime.fromisoformat(wall).replace(tzinfo=UTC)
    if trade_dt is None:
        assert row["reasons"] == ["not_a_session"]
    else:
        day = date.fromisoformat(trade_dt)
        assert (row["trade_dt"], row["partition_dt"], row["session"]) == (day, day, "24x7")
        assert row["reasons"] == []
