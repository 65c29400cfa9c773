"""Tables are created and evolved idempotently, or left alone with a reason."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql.types import DecimalType, LongType, StringType

from delta_tables.storage.arrow_io import append_rows, read_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.table import SchemaMismatch, Table, column
from delta_tables.tables.bronze import RAW_PAYLOADS
from delta_tables.tables.catalogue import ALL_TABLES
from tests.builders.small_table import COLUMNS, row, table_of

ROOT = Path(__file__).resolve().parents[2]
PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
VENUE = column("venue", StringType(), "trading venue", is_nullable=True)


def versions(lake: Lake) -> dict[str, int]:
    return {table.full_name: DeltaTable(lake.uri(table)).version() for table in ALL_TABLES}


def test_every_declared_table_is_created_and_creating_again_changes_nothing(lake: Lake) -> None:
    create_tables(lake)
    assert set(versions(lake).values()) == {0}
    create_tables(lake)
    assert set(versions(lake).values()) == {0}


def test_a_created_table_has_the_declared_columns_partition_and_comments(lake: Lake) -> None:
    table = table_of(partition_by=("symbol",))
    create_tables(lake, [table])
    stored = DeltaTable(lake.uri(table))
    assert [field.name for field in stored.schema().fields] == list(table.columns)
    assert stored.metadata().partition_columns == ["symbol"]
    assert stored.metadata().name == "silver.prices"
    assert {f.name: f.metadata["comment"] for f in stored.schema().fields}["price"] == "price, quote currency"


def test_only_keys_are_stored_not_null(lake: Lake) -> None:
    create_tables(lake, [table_of()])
    fields = DeltaTable(lake.uri(table_of())).schema().fields
    assert [field.name for field in fields if not field.nullable] == ["symbol", "at"]


def test_bronze_keeps_a_change_feed(lake: Lake) -> None:
    create_tables(lake, [RAW_PAYLOADS])
    assert DeltaTable(lake.uri(RAW_PAYLOADS)).metadata().configuration == {
        "delta.enableChangeDataFeed": "true"
    }


def test_a_new_nullable_column_is_added_and_stored_rows_have_null_in_it(lake: Lake) -> None:
    create_tables(lake, [table_of()])
    append_rows(lake, table_of(), [row("AAPL", "1.5")])
    wider = table_of(*COLUMNS, VENUE)
    create_tables(lake, [wider])
    create_tables(lake, [wider])
    assert DeltaTable(lake.uri(wider)).version() == 2
    assert read_rows(lake, wider).to_pylist() == [{**row("AAPL", "1.5"), "venue": None}]


def test_a_new_column_that_is_declared_not_null_is_added_as_nullable_when_it_is_no_key(lake: Lake) -> None:
    create_tables(lake, [table_of()])
    wider = table_of(*COLUMNS, column("size", LongType(), "units"))
    create_tables(lake, [wider])
    assert DeltaTable(lake.uri(wider)).schema().fields[-1].nullable


def test_a_new_key_column_is_refused(lake: Lake) -> None:
    create_tables(lake, [table_of()])
    rekeyed = table_of(*COLUMNS, column("venue", StringType(), "venue"), keys=("symbol", "at", "venue"))
    with pytest.raises(SchemaMismatch, match=r"lacks required \['venue'\]"):
        create_tables(lake, [rekeyed])


def test_a_changed_type_is_refused_and_nothing_is_changed(lake: Lake) -> None:
    create_tables(lake, [table_of()])
    changed = [column("price", DecimalType(20, 8), "price") if f.name == "price" else f for f in COLUMNS]
    with pytest.raises(SchemaMismatch, match=r"silver\.prices.*other types for \['price'\].*migration"):
        create_tables(lake, [table_of(*changed, VENUE)])
    assert DeltaTable(lake.uri(table_of())).version() == 0


def test_a_column_that_is_no_longer_declared_is_refused(lake: Lake) -> None:
    create_tables(lake, [table_of(*COLUMNS, VENUE)])
    with pytest.raises(SchemaMismatch, match=r"columns \['venue'\] that are not declared"):
        create_tables(lake, [table_of()])


def test_two_processes_that_create_at_once_both_succeed_and_lose_nothing(lake: Lake) -> None:
    both = [subprocess.Popen(command(lake), cwd=ROOT, text=True, **PIPES) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    problems = [process.communicate(timeout=300)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], problems
    # deltalake 1.6.6: the later of two may commit the same declaration once more (docs/adr/0002)
    assert max(versions(lake).values()) <= 1
    assert "remove" not in {name for table in ALL_TABLES for name in actions(lake, table)}
    create_tables(lake)


def command(lake: Lake) -> list[str]:
    code = (
        "import sys\n"
        "from delta_tables.storage.create_tables import create_tables\n"
        "from delta_tables.storage.lake import Lake\n"
        "sys.stdout.write('ready\\n'); sys.stdout.flush(); sys.stdin.readline()\n"
        "create_tables(Lake(sys.argv[1]))\n"
    )
    return [sys.executable, "-c", code, lake.root]


def actions(lake: Lake, table: Table) -> Iterator[str]:
    for commit in Path(lake.uri(table)).glob("_delta_log/*.json"):
        for line in commit.read_text(encoding="utf-8").splitlines():
            yield from json.loads(line)


def test_a_corrupt_log_gives_one_line_that_names_the_table_and_what_to_do(lake: Lake) -> None:
    create_tables(lake, [table_of()])
    commit = Path(lake.uri(table_of())) / "_delta_log" / f"{0:020}.json"
    commit.write_text('{"metaData": {"id": oops', encoding="utf-8")
    with pytest.raises(LakeError) as caught:
        create_tables(lake, [table_of()])
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"silver.prices: the log entry {commit} is cut or damaged (24 bytes")
    assert "lakehouse repair" in message


def test_a_lake_that_is_a_file_gives_one_line_and_the_file_is_kept(tmp_path: Path) -> None:
    place = tmp_path / "lake"
    place.write_text("mine", encoding="utf-8")
    with pytest.raises(LakeError) as caught:
        create_tables(Lake(str(place)), [table_of()])
    assert "\n" not in str(caught.value)
    assert place.read_text(encoding="utf-8") == "mine"


def test_the_comment_of_a_stored_column_survives_as_json(lake: Lake) -> None:
    create_tables(lake, [table_of()])
    commit = (Path(lake.uri(table_of())) / "_delta_log" / f"{0:020}.json").read_text(encoding="utf-8")
    actions = [json.loads(line) for line in commit.splitlines()]
    schema = json.loads(next(a["metaData"]["schemaString"] for a in actions if "metaData" in a))
    assert schema["fields"][-1]["metadata"] == {
        "comment": "run that wrote the row",
        "lineage": True,
    }
