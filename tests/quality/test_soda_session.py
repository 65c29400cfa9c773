"""Soda's results are fetched once, whatever their size, and mean the same."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from quality.gate import scan_batch
from quality.soda_session import FetchedResult, SodaSession

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.mark.parametrize("matching", [1, 1000, 1001, 2500])
def test_rows_that_fail_are_all_counted(engine: SparkSession, tmp_path: Path, matching: int) -> None:
    checks = tmp_path / "things.yml"
    checks.write_text(f"checks for things:\n  - failed rows:\n      fail condition: id < {matching}\n")
    result = scan_batch(engine, engine.range(3000), "things", checks, NOW)
    (found,) = (each for each in result.outcomes if each.name.startswith("failed rows"))
    assert (found.outcome, found.value, result.status) == ("fail", matching, "fail")


def test_columns_with_the_same_name_get_names_of_their_own(engine: SparkSession) -> None:
    fetched = SodaSession(engine).sql("SELECT 1 AS a, 2 AS a")
    assert isinstance(fetched, FetchedResult)
    assert fetched.schema.names == ["value_0", "value_1"]
    assert [row.asDict() for row in fetched.collect()] == [{"value_0": 1, "value_1": 2}]


def test_a_fetched_result_is_read_in_pages_like_a_frame(engine: SparkSession) -> None:
    fetched = SodaSession(engine).sql("SELECT id FROM range(250) ORDER BY id")
    pages = [[row[0] for row in fetched.offset(start).limit(100).collect()] for start in (0, 100, 200, 300)]
    assert pages == [[*range(100)], [*range(100, 200)], [*range(200, 250)], []]
    assert fetched.count() == 250


def test_more_rows_than_are_kept_stay_with_the_engine(engine: SparkSession) -> None:
    assert not isinstance(SodaSession(engine).sql("SELECT id FROM range(1001)"), FetchedResult)
    assert isinstance(SodaSession(engine).sql("SELECT id FROM range(1000)"), FetchedResult)


def test_a_null_in_a_required_column_closes_the_gate(engine: SparkSession, tmp_path: Path) -> None:
    checks = tmp_path / "things.yml"
    checks.write_text("checks for things:\n  - row_count > 0\n")
    batch_df = engine.sql("SELECT * FROM VALUES ('A', 1), ('B', NULL) AS things(symbol, size)")
    found = scan_batch(engine, batch_df, "things", checks, NOW, ["symbol", "size"])
    assert [each.name for each in found.failed] == ["no NULL in size"]
    assert found.failed[0].value == 1
    full = scan_batch(engine, batch_df, "things", checks, NOW, ["symbol"])
    assert full.status == "pass"
    assert [each.name for each in full.outcomes if each.name == "no NULL where a value is declared"] == [
        "no NULL where a value is declared"
    ]
    absent = scan_batch(engine, batch_df, "things", checks, NOW, ["nowhere"])
    assert absent.status == "error"
