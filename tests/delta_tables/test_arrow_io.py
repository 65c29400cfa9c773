"""Rows are appended and read without an engine session."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql.types import StringType

from delta_tables.storage.arrow_io import append_rows, arrow_schema, read_rows, upsert_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.table import column
from tests.builders.small_table import COLUMNS, row, table_of

TABLE = table_of()


@pytest.fixture
def filled(lake: Lake) -> Lake:
    create_tables(lake, [TABLE])
    append_rows(lake, TABLE, [row("AAPL", "189.123456"), row("MSFT", "402.5")])
    return lake


def test_appended_rows_are_read_back(filled: Lake) -> None:
    found = sorted(read_rows(filled, TABLE).to_pylist(), key=lambda item: item["symbol"])
    assert found == [row("AAPL", "189.123456"), row("MSFT", "402.5")]


def test_rows_have_the_declared_types(filled: Lake) -> None:
    assert read_rows(filled, TABLE).schema.types == arrow_schema(TABLE).types


def test_an_instant_in_another_zone_is_the_same_instant(lake: Lake) -> None:
    create_tables(lake, [TABLE])
    local = datetime(2024, 3, 5, 20, 0, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    append_rows(lake, TABLE, [{**row("TCS", "1"), "at": local}])
    assert read_rows(lake, TABLE).to_pylist()[0]["at"] == datetime(2024, 3, 5, 14, 30, tzinfo=UTC)


def test_some_columns_of_some_rows_can_be_read(filled: Lake) -> None:
    found = read_rows(filled, TABLE, ["price"], "symbol = 'MSFT'")
    assert found.to_pydict() == {"price": [Decimal("402.500000")]}


def test_no_rows_make_no_commit(filled: Lake) -> None:
    append_rows(filled, TABLE, [])
    assert DeltaTable(filled.uri(TABLE)).version() == 1


def test_a_table_that_was_never_created_reads_as_empty(lake: Lake) -> None:
    found = read_rows(lake, TABLE, ["symbol", "price"])
    assert (found.num_rows, found.schema.names) == (0, ["symbol", "price"])


def test_a_null_key_is_not_stored(filled: Lake) -> None:
    with pytest.raises((LakeError, pa.ArrowException, ValueError), match="at"):
        append_rows(filled, TABLE, [{**row("IBM", "1"), "at": None}])
    assert read_rows(filled, TABLE).num_rows == 2


def test_a_lost_data_file_gives_one_line_that_says_what_to_do(filled: Lake) -> None:
    for file in Path(filled.uri(TABLE)).glob("*.parquet"):
        file.unlink()
    with pytest.raises(LakeError) as caught:
        read_rows(filled, TABLE)
    assert "\n" not in str(caught.value)
    assert "restore them from a backup" in str(caught.value)


def test_a_truncated_data_file_gives_one_line(filled: Lake) -> None:
    for file in Path(filled.uri(TABLE)).glob("*.parquet"):
        file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(LakeError, match="damaged or missing") as caught:
        read_rows(filled, TABLE)
    assert "\n" not in str(caught.value)


def test_a_corrupt_log_gives_one_line(filled: Lake) -> None:
    commit = Path(filled.uri(TABLE)) / "_delta_log" / f"{1:020}.json"
    commit.write_text("not json at all", encoding="utf-8")
    with pytest.raises(LakeError) as caught:
        read_rows(filled, TABLE)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("silver.prices: ")


def test_rows_of_many_commits_are_read_together(lake: Lake) -> None:
    create_tables(lake, [TABLE])
    for number in range(5):
        append_rows(lake, TABLE, [row(f"S{number}", str(number))])
    assert sorted(read_rows(lake, TABLE, ["symbol"]).to_pydict()["symbol"]) == ["S0", "S1", "S2", "S3", "S4"]


def test_a_row_with_an_existing_key_replaces_it(filled: Lake) -> None:
    upsert_rows(filled, TABLE, [row("MSFT", "403.5", "run 2"), row("XOM", "1", "run 2")])
    found = sorted(read_rows(filled, TABLE).to_pylist(), key=lambda item: item["symbol"])
    assert found == [row("AAPL", "189.123456"), row("MSFT", "403.5", "run 2"), row("XOM", "1", "run 2")]
    upsert_rows(filled, TABLE, [])
    assert DeltaTable(filled.uri(TABLE)).version() == 2, "no rows, no commit"


def test_rows_cannot_be_stored_in_a_missing_table(lake: Lake) -> None:
    with pytest.raises(LakeError, match=r"silver\.prices: 1 rows could not be stored"):
        upsert_rows(lake, TABLE, [row("AAPL", "1")])


def test_rows_are_appended_to_a_table_whose_comments_were_written_differently(filled: Lake) -> None:
    columns = [column("symbol", StringType(), "the symbol, in other words"), *COLUMNS[1:]]
    append_rows(filled, table_of(*columns), [row("IBM", "1")])
    assert read_rows(filled, TABLE).num_rows == 3
