"""Equal rows have equal hashes, whatever the order, the files and the runs that wrote them."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from delta_tables.storage.arrow_io import append_rows, arrow_schema
from delta_tables.storage.content_hash import content_hash, hash_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from tests.builders.small_table import row, table_of

TABLE = table_of()
ROWS = [row("AAPL", "1.5"), row("MSFT", "2.5"), row("IBM", "3.5")]


def hash_of(rows: list[dict[str, object]]) -> str:
    return hash_rows(arrow_schema(TABLE).empty_table().from_pylist(rows, schema=arrow_schema(TABLE)))


def stored(place: Path, *commits: list[dict[str, object]]) -> str:
    lake = Lake(str(place))
    create_tables(lake, [TABLE])
    for rows in commits:
        append_rows(lake, TABLE, rows)
    return content_hash(lake, TABLE)


def test_the_order_of_rows_and_commits_does_not_matter(tmp_path: Path) -> None:
    one = stored(tmp_path / "a", ROWS)
    assert stored(tmp_path / "b", [ROWS[2]], [ROWS[0]], [ROWS[1]]) == one


def test_the_run_that_wrote_a_row_does_not_matter(tmp_path: Path) -> None:
    other_run = [{**item, "run_id": "run 2"} for item in ROWS]
    assert stored(tmp_path / "a", ROWS) == stored(tmp_path / "b", other_run)


def test_a_repeated_row_counts_twice(tmp_path: Path) -> None:
    assert stored(tmp_path / "a", ROWS) != stored(tmp_path / "b", ROWS, [ROWS[0]])


def test_a_missing_table_hashes_like_an_empty_one(tmp_path: Path) -> None:
    assert content_hash(Lake(str(tmp_path / "none")), TABLE) == stored(tmp_path / "empty")


def test_the_smallest_difference_of_a_value_changes_the_hash() -> None:
    assert hash_of([row("AAPL", "1.500000")]) != hash_of([row("AAPL", "1.500001")])
    assert hash_of([row("AAPL", "1.5")]) != hash_of([{**row("AAPL", "1.5"), "note": ""}])


@given(st.permutations(ROWS * 2))
def test_every_permutation_has_the_same_hash(rows: list[dict[str, object]]) -> None:
    assert hash_of(rows) == hash_of(ROWS * 2)


@given(st.lists(st.sampled_from(ROWS), max_size=5), st.lists(st.sampled_from(ROWS), max_size=5))
def test_different_multisets_have_different_hashes(
    left: list[dict[str, object]], right: list[dict[str, object]]
) -> None:
    same = sorted(item["symbol"] for item in left) == sorted(item["symbol"] for item in right)  # type: ignore[type-var]
    assert (hash_of(left) == hash_of(right)) == same
