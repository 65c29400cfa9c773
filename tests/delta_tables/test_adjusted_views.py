"""Adjusted prices of a small table with the expected ones beside it, on every engine that reads them."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from deltalake import QueryBuilder
from pyspark.sql import SparkSession

from delta_tables.storage.arrow_io import append_rows
from delta_tables.storage.create_tables import create_tables, open_table
from delta_tables.storage.lake import Lake
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from delta_tables.views.adjusted_bars import split_adjusted_sql, total_adjusted_sql
from tests.builders.adjusted_rows import Row, bar_row, dividend_row, split_row

Found = list[tuple[str, str, Decimal | None, Decimal | None]]
AUGUST = datetime(2020, 9, 5, tzinfo=UTC)
YAHOO: Row = {"provider": "yahoo", "adjustment": "split"}
BEFORE_SPLIT: Row = {"known_from": datetime(2020, 8, 31, 1, tzinfo=UTC)}  # Sunday evening in New York
AFTER_SPLIT: Row = {"known_from": datetime(2020, 8, 31, 21, tzinfo=UTC)}


def day(text: str) -> str:
    return f"2020-{text}"


BARS_TOLD = [
    # symbol, provider, day, close, volume; then split-adjusted close and volume, then total-adjusted close
    (bar_row(day("08-06"), "455.61"), "113.9025", 4000, "113.6975"),
    (bar_row(day("08-07"), "444.45"), "111.1125", 4000, "111.1125"),
    (bar_row(day("08-28"), "499.23", volume=None), "124.8075", None, "124.8075"),
    (bar_row(day("08-31"), "129.04"), "129.04", 1000, "129.04"),
    (bar_row(day("08-07"), "444.45", **YAHOO, **BEFORE_SPLIT), "111.1125", 4000, "111.1125"),
    (bar_row(day("08-28"), "124.8075", **YAHOO, **AFTER_SPLIT), "124.8075", 1000, "124.8075"),
    # three old shares become one, stored as 0.3333333333
    (bar_row(day("06-01"), "2", symbol="REVERSE"), "6", "333.3333", "6"),
    (bar_row(day("06-03"), "6.1", symbol="REVERSE"), "6.1", 1000, "6.1"),
    # two splits and a bonus issue: 2 x 1.5 x 1.0460
    (bar_row(day("06-01"), "31.38", symbol="THREE"), "10", 3138, "10"),
    (bar_row(day("06-03"), "15.69", symbol="THREE"), "10", 1569, "10"),
    # 11 paid on a share of 10: nothing is left to adjust by
    (bar_row(day("06-01"), "10", symbol="LIQUIDATED"), "10", 1000, None),
    (bar_row(day("06-02"), "1", symbol="LIQUIDATED"), "1", 1000, "1"),
    # no action at all: stored as it is, to the last decimal
    (bar_row(day("06-01"), "0.000000123456", symbol="COIN"), "0.000000123456", 1000, "0.000000123456"),
]
ACTIONS = [
    split_row(day("08-31"), "4"),
    split_row(day("08-31"), "4", provider="yahoo"),  # the same
    split_row(day("09-01"), "4", provider="other"),  # the same, a day off
    dividend_row(day("08-07"), "0.82"),  # of 455.61
    dividend_row(day("08-07"), "0.205", provider="yahoo", known_from=AUGUST),  # the same, of new shares
    split_row(day("06-02"), "0.3333333333", symbol="REVERSE"),
    split_row(day("06-02"), "2", symbol="THREE"),
    split_row(day("06-10"), "1.5", symbol="THREE", action="bonus"),
    split_row(day("06-20"), "1.0460", symbol="THREE"),
    split_row(day("06-22"), "7", symbol="THREE", known_to=AUGUST),  # taken back
    split_row("2999-01-04", "5", symbol="THREE"),  # announced
    split_row(day("06-05"), "3", symbol="THREE", action="spin_off"),  # its ratio is another company's
    dividend_row(day("06-02"), "11", symbol="LIQUIDATED"),
]


@pytest.fixture(scope="module")
def adjusted_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("adjusted") / "lake"))
    store(lake, [row for row, *_ in BARS_TOLD], ACTIONS)
    return lake


def store(lake: Lake, bars: Sequence[Row], actions: Sequence[Row]) -> None:
    create_tables(lake, (BARS, CORPORATE_ACTIONS))
    append_rows(lake, BARS, bars)
    named = [{name: row.get(name) for name in CORPORATE_ACTIONS.columns} for row in actions]
    append_rows(lake, CORPORATE_ACTIONS, named)


def rows(lake: Lake, select: Callable[..., str], as_of: datetime | None = None) -> list[dict[str, Any]]:
    """What delta-rs' query engine makes of the view, in order of symbol, provider and day."""
    query = QueryBuilder().register("bars", open_table(lake, BARS))
    query = query.register("actions", open_table(lake, CORPORATE_ACTIONS))
    found = pa.table(query.execute(f"{select('bars', 'actions', as_of)} ORDER BY symbol, provider, trade_dt"))
    return list(found.to_pylist())


def expected(column: int) -> list[Decimal | None]:
    order = sorted(BARS_TOLD, key=lambda each: (each[0]["symbol"], each[0]["provider"], each[0]["trade_dt"]))
    return [None if value is None else Decimal(str(value)) for value in (each[column] for each in order)]


def test_split_adjusted_prices_and_volumes(adjusted_lake: Lake) -> None:
    found = rows(adjusted_lake, split_adjusted_sql)
    assert [row["close"] for row in found] == expected(1)
    assert [row["volume"] for row in found] == expected(2)


def test_total_adjusted_prices_and_the_volume_by_splits_only(adjusted_lake: Lake) -> None:
    found = rows(adjusted_lake, total_adjusted_sql)
    assert [row["close"] for row in found] == expected(3)
    assert [row["volume"] for row in found] == expected(2)
    for row in found:
        assert row["open"] == row["high"] == row["low"] == row["close"]


@pytest.mark.parametrize("select", [split_adjusted_sql, total_adjusted_sql])
@pytest.mark.parametrize("as_of", [None, datetime(2020, 8, 30, 12, tzinfo=UTC), AUGUST])
def test_every_engine_gives_the_same_rows(
    engine: SparkSession, adjusted_lake: Lake, select: Callable[..., str], as_of: datetime | None
) -> None:
    for name, table in (("adjusted_bars", BARS), ("adjusted_actions", CORPORATE_ACTIONS)):
        engine.read.format("delta").load(adjusted_lake.uri(table)).createOrReplaceTempView(name)
    sql = f"{select('adjusted_bars', 'adjusted_actions', as_of)} ORDER BY symbol, provider, trade_dt"
    found = [comparable(row.asDict()) for row in engine.sql(sql).collect()]
    assert found == [comparable(row) for row in rows(adjusted_lake, select, as_of)]


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    """Without the instants, which Spark gives in this machine's zone and nothing here computes."""
    return {name: value for name, value in row.items() if not isinstance(value, datetime)}


def closes(lake: Lake, select: Callable[..., str], as_of: datetime | None = None) -> list[Decimal]:
    return [row["close"] for row in rows(lake, select, as_of)]


def test_as_of_before_and_after_a_split_was_received_and_took_effect(lake: Lake) -> None:
    announced = datetime(2020, 8, 10, tzinfo=UTC)
    actions = [split_row(day("08-31"), "4", known_from=announced)]
    store(lake, [bar_row(day("08-07"), "444.44")], actions)
    old, new = [Decimal("444.44")], [Decimal("111.11")]
    assert closes(lake, split_adjusted_sql, announced) == old, "announced is not in force"
    assert closes(lake, split_adjusted_sql, datetime(2020, 8, 31, 4, tzinfo=UTC)) == old, "New York's evening"
    assert closes(lake, split_adjusted_sql, datetime(2020, 8, 31, 12, tzinfo=UTC)) == new
    assert closes(lake, split_adjusted_sql) == new
    assert closes(lake, split_adjusted_sql, datetime(2019, 1, 1, tzinfo=UTC)) == [], "no bar was known"


def test_a_split_received_late_was_not_known_before(lake: Lake) -> None:
    learned = datetime(2020, 9, 10, tzinfo=UTC)
    store(lake, [bar_row(day("08-07"), "400")], [split_row(day("08-31"), "4", known_from=learned)])
    assert closes(lake, split_adjusted_sql, AUGUST) == [Decimal(400)]
    assert closes(lake, split_adjusted_sql, learned) == [Decimal(100)]


def test_a_corrected_ratio_applies_from_when_it_was_received(lake: Lake) -> None:
    learned = datetime(2020, 9, 10, tzinfo=UTC)
    wrong = split_row(day("08-31"), "5", known_to=learned)
    store(lake, [bar_row(day("08-07"), "400")], [wrong, split_row(day("08-31"), "4", known_from=learned)])
    assert closes(lake, split_adjusted_sql, AUGUST) == [Decimal(80)]
    assert closes(lake, split_adjusted_sql) == [Decimal(100)]


def test_of_two_providers_the_actions_of_the_bars_own_provider_apply(lake: Lake) -> None:
    bars = [bar_row(day("08-07"), "100", provider=name) for name in ("alphavantage", "massive", "other")]
    actions = [split_row(day("08-31"), "2"), split_row(day("08-31"), "5", provider="massive")]
    store(lake, bars, actions)
    assert closes(lake, split_adjusted_sql) == [Decimal(50), Decimal(20), Decimal(50)]


def test_two_equal_splits_weeks_apart_are_two(lake: Lake) -> None:
    store(lake, [bar_row(day("08-07"), "100")], [split_row(day("08-10"), "2"), split_row(day("08-24"), "2")])
    assert closes(lake, split_adjusted_sql) == [Decimal(25)]


def test_special_and_ordinary_dividends_of_a_day_both_apply(lake: Lake) -> None:
    paid = [dividend_row(day("08-10"), "1"), dividend_row(day("08-10"), "4", label="second")]
    other = dividend_row(day("08-10"), "3", provider="other")
    store(lake, [bar_row(day("08-07"), "100"), bar_row(day("08-06"), "90")], [*paid, other])
    assert closes(lake, total_adjusted_sql) == [Decimal("85.5"), Decimal(95)]


def test_a_dividend_is_a_share_of_the_newest_session_that_any_provider_has(lake: Lake) -> None:
    bars = [bar_row(day("08-05"), "50"), bar_row(day("08-07"), "100", provider="other")]
    store(lake, bars, [dividend_row(day("08-10"), "10")])
    assert closes(lake, total_adjusted_sql) == [Decimal(45), Decimal(90)]


def test_bars_of_a_session_count_the_splits_of_its_day(lake: Lake) -> None:
    at = datetime(2020, 8, 31, 13, 30, tzinfo=UTC)
    minute: Row = {"interval": "1min", "timestamp": at, "partition_dt": date(2020, 8, 31)}
    store(lake, [bar_row(day("08-31"), "129", **minute)], [split_row(day("08-31"), "4")])
    assert closes(lake, split_adjusted_sql) == [Decimal(129)]


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        split_adjusted_sql("bars", "actions", datetime(2020, 8, 31))  # noqa: DTZ001 - what is refused
