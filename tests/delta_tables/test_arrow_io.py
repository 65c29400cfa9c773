"""Rows are appended and read without an engine session."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql.types import StringType

from delta_tables.storage.arrow_io import append_rows, arrow_schema, read_rows, upsert_rows
from delta_tables.storage.create_tables import create_tables, open_table
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.table import Table, column
from delta_tables.tables.ops import COMPLETENESS
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


@pytest.mark.parametrize("meanwhile", [append_rows, upsert_rows])
def test_rows_that_another_process_wrote_meanwhile_are_neither_lost_nor_doubled(
    filled: Lake, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[..., None]
) -> None:
    def open_then_written_by_another(lake: Lake, table: Table) -> DeltaTable:
        stored = open_table(lake, table)
        monkeypatch.undo()
        meanwhile(lake, table, [row("XOM", "2")])
        return stored

    monkeypatch.setattr("delta_tables.storage.arrow_io.open_table", open_then_written_by_another)
    with pytest.raises(LakeError, match="could not be stored"):
        upsert_rows(filled, TABLE, [row("XOM", "1")])
    assert [found for found in read_rows(filled, TABLE).to_pylist() if found["symbol"] == "XOM"] == [
        row("XOM", "2")
    ]


def test_only_the_range_of_dates_is_written_again(lake: Lake) -> None:
    days = [date(2010, 8, number) for number in (2, 3, 4)]
    kind = {"provider": "a", "dataset": "daily", "symbol": "A", "interval": "1day"}
    others = {name: None for name in COMPLETENESS.columns if name not in (*kind, "trade_dt")}
    create_tables(lake, [COMPLETENESS])
    for day in days:
        append_rows(lake, COMPLETENESS, [others | kind | {"trade_dt": day, "state": "late"}])
    before = set(DeltaTable(lake.uri(COMPLETENESS)).file_uris())
    upsert_rows(lake, COMPLETENESS, [others | kind | {"trade_dt": days[1], "state": "healed"}])
    rows = read_rows(lake, COMPLETENESS, ["trade_dt", "state"]).to_pylist()
    assert {row["trade_dt"]: row["state"] for row in rows} == dict(
        zip(days, ("late", "healed", "late"), strict=True)
    )
    assert len(before & set(DeltaTable(lake.uri(COMPLETENESS)).file_uris())) == 2


def test_rows_cannot_be_stored_in_a_missing_table(lake: Lake) -> None:
    with pytest.raises(LakeError, match=r"silver\.prices: 1 rows could not be stored"):
        upsert_rows(lake, TABLE, [row("AAPL", "1")])


def test_rows_are_appended_to_a_table_whose_comments_were_written_differently(filled: Lake) -> None:
    columns = [column("symbol", StringType(), "the symbol, in other words"), *COLUMNS[1:]]
    append_rows(filled, table_of(*columns), [row("IBM", "1")])
    assert read_rows(filled, TABLE).num_rows == 3
