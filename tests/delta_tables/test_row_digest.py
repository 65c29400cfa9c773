"""The digest of a version's rows: the same for the same rows, whatever their order and files."""

from typing import Any

import pytest
from deltalake import DeltaTable

from delta_tables.storage.arrow_io import append_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.storage.row_digest import RowDigest, row_digest
from delta_tables.tables.bronze import RAW_PAYLOADS
from tests.builders.payloads import at, bar, daily

ROWS = [daily(symbol, {"2010-08-12": bar()}, at(hour)) for hour, symbol in enumerate(("AAPL", "IBM", "KO"))]


def stored(lake: Lake, *batches: list[dict[str, Any]]) -> RowDigest:
    create_tables(lake, [RAW_PAYLOADS])
    for batch in batches:
        append_rows(lake, RAW_PAYLOADS, batch)
    return row_digest(lake, RAW_PAYLOADS, DeltaTable(lake.uri(RAW_PAYLOADS)).version())


@pytest.fixture
def expected(lake: Lake) -> RowDigest:
    return stored(Lake(f"{lake.root}-expected"), ROWS)


def test_order_and_files_do_not_matter(lake: Lake, expected: RowDigest) -> None:
    assert expected.rows == 3
    assert stored(lake, [ROWS[2]], [ROWS[1], ROWS[0]]) == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"body": ROWS[0]["body"][:-1] + b" "},
        {"interval": None},
        {"interval": ""},
        {"status": 201},
        {"is_simulated": True},
        {"fetched_at": at(0.001)},
        {"symbol": "AAPL\x1f"},
    ],
    ids=str,
)
def test_any_change_of_a_value_changes_the_digest(
    lake: Lake, expected: RowDigest, changed: dict[str, Any]
) -> None:
    found = stored(lake, [{**ROWS[0], **changed}, *ROWS[1:]])
    assert (found.rows, found.sums != expected.sums) == (3, True)


def test_a_repeated_row_counts_twice(lake: Lake, expected: RowDigest) -> None:
    assert stored(lake, ROWS, ROWS[:1]) != expected


def test_null_is_distinguished_from_empty(lake: Lake) -> None:
    with_none = stored(Lake(f"{lake.root}-none"), [{**ROWS[0], "interval": None}])
    assert stored(lake, [{**ROWS[0], "interval": ""}]) != with_none
