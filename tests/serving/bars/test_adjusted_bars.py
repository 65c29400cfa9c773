"""Adjusted bars without an engine session, by SQL on both engines, and on the command line."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession

from delta_tables.storage.arrow_io import append_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from delta_tables.views.adjusted_bars import COLUMNS
from serving.bars.as_of import adjusted_bars, has_actions
from serving.errors import ServingError
from serving.sql.run import run_query
from tests.builders.adjusted_rows import LEARNED, Row, bar_row, dividend_row, hours_after, split_row
from tests.serving.command_line import output_of

CLOSES = {"2020-06-01": "100", "2020-06-02": "96", "2020-06-03": "48", "2020-06-04": "49"}
MINUTE: Row = {
    "interval": "1min",
    "timestamp": datetime(2020, 6, 2, 14, 30, tzinfo=UTC),
    "partition_dt": date(2020, 6, 2),
}
SPLIT_LEARNED = hours_after(3)


@pytest.fixture(scope="module")
def adjusted_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Four days, a dividend of 4 on the second and a split 2:1 on the third."""
    lake = Lake(str(tmp_path_factory.mktemp("adjusted") / "lake"))
    create_tables(lake)
    bars = [bar_row(day, close) for day, close in CLOSES.items()]
    append_rows(lake, BARS, [*bars, bar_row("2020-06-02", "98", **MINUTE)])
    actions = [dividend_row("2020-06-02", "4"), split_row("2020-06-03", "2", known_from=SPLIT_LEARNED)]
    rows = [{name: row.get(name) for name in CORPORATE_ACTIONS.columns} for row in actions]
    append_rows(lake, CORPORATE_ACTIONS, rows)
    return lake


def closes(lake: Lake, adjusted: str, **wanted: Any) -> list[Decimal]:
    found = adjusted_bars(lake, "APPLE", adjusted, **{"interval": "1day", **wanted})
    return [close.quantize(Decimal("0.01")) for close in found["close"].to_pylist()]


def decimals(*values: str) -> list[Decimal]:
    return [Decimal(value) for value in values]


def test_split_and_total_adjusted_closes(adjusted_lake: Lake) -> None:
    assert closes(adjusted_lake, "split") == decimals("50", "48", "48", "49")
    assert closes(adjusted_lake, "total") == decimals("48", "48", "48", "49")


def test_as_of_before_the_split_was_received_prices_are_unadjusted(adjusted_lake: Lake) -> None:
    assert closes(adjusted_lake, "split", as_of=LEARNED) == decimals("100", "96", "48", "49")
    assert closes(adjusted_lake, "total", as_of=LEARNED) == decimals("96", "96", "48", "49")
    assert closes(adjusted_lake, "split", as_of=SPLIT_LEARNED) == decimals("50", "48", "48", "49")


def test_the_requested_range_does_not_change_factors(adjusted_lake: Lake) -> None:
    second = date(2020, 6, 2)
    assert closes(adjusted_lake, "total", end=date(2020, 6, 1)) == decimals("48")
    assert closes(adjusted_lake, "total", start=second, end=second) == decimals("48")
    assert closes(adjusted_lake, "split", interval="1min", start=second) == decimals("49")
    assert closes(adjusted_lake, "split", interval="1min", start=date(2020, 6, 3)) == []


def test_rows_have_the_views_columns_and_the_stored_types(adjusted_lake: Lake) -> None:
    found = adjusted_bars(adjusted_lake, "APPLE", "total")
    assert found.column_names == list(COLUMNS)
    assert str(found.schema.field("close").type) == "decimal128(24, 12)"
    assert found["interval"].to_pylist() == ["1day"] * 4 + ["1min"]
    assert found["split_ratio"].to_pylist() == [2.0, 2.0, 1.0, 1.0, 2.0]
    assert found["dividend_factor"].to_pylist() == [0.96, 1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda lake: adjusted_bars(lake, "APPLE", "dividends"), "split or total, not 'dividends'"),
        (lambda lake: adjusted_bars(lake, "APLE", "split"), "no bars of APLE; did you mean APPLE"),
        (lambda lake: adjusted_bars(lake, "A' OR 'a'='a", "split"), "is not a symbol"),
        (lambda lake: adjusted_bars(lake, "APPLE", "split", as_of=datetime(2020, 1, 1)), "time zone"),  # noqa: DTZ001
    ],
)
def test_a_wrong_request_raises_an_error_of_one_line(
    adjusted_lake: Lake, call: Callable[[Lake], object], words: str
) -> None:
    with pytest.raises(ServingError, match=words) as error:
        call(adjusted_lake)
    assert "\n" not in str(error.value)


def test_without_a_table_of_actions_adjusted_bars_are_refused(lake: Lake) -> None:
    create_tables(lake, [BARS])
    append_rows(lake, BARS, [bar_row("2020-06-01", "100")])
    with pytest.raises(ServingError, match=r"no table silver\.corporate_actions"):
        adjusted_bars(lake, "APPLE", "split")


def test_a_damaged_table_says_what_to_do(lake: Lake) -> None:
    create_tables(lake)
    append_rows(lake, BARS, [bar_row("2020-06-01", "100")])
    from pathlib import Path  # noqa: PLC0415 - this test only

    for file in Path(lake.uri(BARS)).rglob("*.parquet"):
        file.unlink()
    with pytest.raises(LakeError, match=r"silver\.bars .*restore"):
        adjusted_bars(lake, "APPLE", "split")


def test_the_views_can_be_queried_in_sql(engine: SparkSession, adjusted_lake: Lake) -> None:
    for view, expected in (("split", "50"), ("total", "48")):
        found = run_query(
            engine,
            adjusted_lake,
            f"select close from silver.bars_{view}_adjusted where symbol = 'APPLE' and interval = '1day' "
            "order by trade_dt limit 1",
        )
        assert found["close"].to_pylist() == decimals(expected)


def test_a_symbol_with_a_split_has_actions_and_another_has_none(adjusted_lake: Lake) -> None:
    assert has_actions(adjusted_lake, "APPLE")
    assert not has_actions(adjusted_lake, "PEAR")


def test_the_command_line_shows_adjusted_bars(adjusted_lake: Lake) -> None:
    words = ("bars", "APPLE", "--interval", "1day", "--limit", "4", "--adjusted")
    found = json.loads(output_of(adjusted_lake, *words, "total", is_json=True))
    assert [Decimal(row["close"]) for row in found] == decimals("48", "48", "48", "49")
    found = json.loads(
        output_of(adjusted_lake, *words, "split", "--as-of", LEARNED.isoformat()[:19] + "Z", is_json=True)
    )
    assert [Decimal(row["close"]) for row in found] == decimals("100", "96", "48", "49")
