"""What splits make of earlier sessions, from small tables with the expected values beside them."""

from datetime import date
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from jobs.gold.affected_sessions import mark_changed_splits, split_span
from jobs.gold.daily_kpis import with_price_change
from jobs.gold.split_adjustment import (
    LOG_SPLIT_FACTOR,
    split_adjusted_days,
    split_steps,
    with_log_split_factor,
)
from tests.builders.adjusted_rows import split_row
from tests.builders.reference_frames import plain_schema

SCHEMA = (
    "symbol string, interval string, provider string, session_no int, trade_dt date, basis_dt date, "
    "close decimal(24,12), volume decimal(20,6), is_changed boolean"
)
SPLITS = [
    split_row("2020-01-03", "2"),
    split_row("2020-01-05", "3"),
    split_row("2020-01-05", "7", symbol="B"),
]
Day = tuple[int, str, str | None, str | None]


def day(number: int) -> date:
    return date(2020, 1, number)


def days_frame(engine: SparkSession, *days: Day, symbol: str = "APPLE") -> DataFrame:
    """Days of January: number, close, volume, and basis_dt where it is not the day."""
    rows = [
        (
            *(symbol, "1day", "alphavantage", number, day(number), basis and date.fromisoformat(basis)),
            *(Decimal(close), volume and Decimal(volume), False),
        )
        for number, close, volume, basis in days
    ]
    return engine.createDataFrame(rows, SCHEMA)


def with_splits(engine: SparkSession, days_df: DataFrame) -> DataFrame:
    rows = [tuple(row.get(name) for name in CORPORATE_ACTIONS.columns) for row in SPLITS]
    actions_df = engine.createDataFrame(rows, plain_schema(CORPORATE_ACTIONS))
    steps_df = split_steps(days_df.select("provider", "symbol").distinct(), actions_df)
    return with_log_split_factor(days_df, steps_df)


def test_a_change_is_told_in_the_shares_of_its_day(engine: SparkSession) -> None:
    days: list[tuple[Day, str | None]] = [
        ((1, "60", "10", None), None),
        ((2, "66", None, None), "10"),
        ((3, "33.33", "20", None), "1"),  # 33.33 against 66 / 2
        ((5, "11.11", "60", None), "0"),  # 11.11 against 33.33 / 3, a session without a bar between
        ((6, "11", "60", "2020-01-04"), "-66.996700"),  # stated before the second split: against 11.11 x 3
        ((9, "12", "60", None), None),  # nothing near
    ]
    days_df = with_splits(engine, days_frame(engine, *(each for each, _ in days)))
    found = with_price_change(days_df, 2).orderBy("session_no").collect()
    assert [row["price_change_pct"] for row in found] == [value and Decimal(value) for _, value in days]


def test_each_session_is_seen_in_the_shares_of_those_that_look_back_on_it(engine: SparkSession) -> None:
    days_df = with_splits(
        engine,
        days_frame(
            engine, (1, "60", "10", None), (2, "66", None, None), (3, "33", "20", None), (4, "30", "5", None)
        ),
    )
    found = split_adjusted_days(days_df, 2).orderBy("adjusted_to", "session_no").collect()
    seen = [(row["session_no"], row["close"], row["volume"], row["is_original"]) for row in found]
    assert seen == [
        (1, Decimal(60), Decimal(10), True),
        (2, Decimal(66), None, True),
        (1, Decimal(30), Decimal(20), False),
        (2, Decimal(33), None, False),
        (3, Decimal(33), Decimal(20), True),
        (4, Decimal(30), Decimal(5), True),
    ]


def test_without_a_split_between_them_nothing_is_added(engine: SparkSession) -> None:
    days_df = with_splits(engine, days_frame(engine, (6, "60", "10", None), (7, "66", None, None)))
    assert [row[LOG_SPLIT_FACTOR] > 0 for row in days_df.collect()] == [True, True]
    assert split_adjusted_days(days_df, 20).count() == 2


def changed(engine: SparkSession, *rows: tuple[str, date]) -> DataFrame:
    return engine.createDataFrame(list(rows), "symbol string, ex_dt date")


def changed_session_numbers(days_df: DataFrame, changed_df: DataFrame) -> list[Any]:
    marked_df = mark_changed_splits(days_df, changed_df, 2).filter("is_changed")
    return [row["session_no"] for row in marked_df.orderBy("session_no").collect()]


def test_a_changed_split_touches_the_sessions_that_look_back_across_it(engine: SparkSession) -> None:
    days_df = days_frame(engine, *((number, "60", None, None) for number in range(1, 31)))
    split_df = changed(engine, ("APPLE", day(15)), ("B", day(25)))
    # two sessions look back across it, wherever within four days it may have been before
    assert changed_session_numbers(days_df, split_df) == list(range(11, 21))
    assert split_span(split_df.filter("symbol = 'APPLE'"), days_df) == (day(11), day(19))


def test_a_changed_split_touches_prices_stated_after_it_where_others_are_not(engine: SparkSession) -> None:
    early = ((1, "60", None, None), (2, "60", None, None))
    restated = ((3, "30", None, "2020-01-28"), (4, "30", None, "2020-01-28"), (6, "30", None, "2020-01-28"))
    days_df = days_frame(engine, *early, *restated)
    split_df = changed(engine, ("APPLE", day(20)))
    assert changed_session_numbers(days_df, split_df) == [3, 4]
    assert split_span(split_df, days_df) == (day(3), day(24))


def test_no_changed_split_has_no_span(engine: SparkSession) -> None:
    days_df = days_frame(engine, (1, "60", None, None))
    assert split_span(changed(engine, ("APPLE", day(1))).filter("false"), days_df) is None
