"""Whether digests tell tables apart by what they say, not by how they say it."""

from datetime import UTC, datetime
from decimal import Decimal

import polars as pl

from benchmarks.digests import digests

COLUMNS = ("symbol", "sequence_number", "price", "session", "at")


def ticks(*rows: tuple[str, int, str, str | None]) -> pl.DataFrame:
    at = datetime(2010, 8, 20, 14, tzinfo=UTC)
    names = {name: [row[place] for row in rows] for place, name in enumerate(COLUMNS[:4])}
    prices = [Decimal(row[2]) for row in rows]
    return pl.DataFrame({**names, "price": prices, "at": at})


def lines(frame: pl.DataFrame) -> list[dict[str, object]]:
    found: list[dict[str, object]] = digests(frame.lazy(), COLUMNS).to_pylist()
    return found


ROWS = (("A", 1, "1.5", "pre"), ("A", 2, "2.5", None), ("B", 1, "1.5", "pre"))


def test_order_and_types_do_not_matter() -> None:
    other = ticks(*reversed(ROWS)).with_columns(
        pl.col("price").cast(pl.Decimal(38, 6)),
        pl.col("sequence_number").cast(pl.Int32),
        pl.col("at").dt.cast_time_unit("ns"),
    )
    assert lines(other) == lines(ticks(*ROWS))


def test_a_value_that_differs_is_seen_in_its_symbol_and_column_only() -> None:
    ours, theirs = lines(ticks(*ROWS)), lines(ticks(ROWS[0], ("A", 2, "2.500001", None), ROWS[2]))
    assert [name for name in ours[0] if ours[0][name] != theirs[0][name]] == ["price"]
    assert ours[1] == theirs[1]


def test_values_that_changed_places_are_seen() -> None:
    ours, theirs = ticks(*ROWS), ticks(("A", 1, "2.5", "pre"), ("A", 2, "1.5", None), ROWS[2])
    assert [name for name in lines(ours)[0] if lines(ours)[0][name] != lines(theirs)[0][name]] == ["price"]


def test_a_row_that_is_there_twice_is_counted() -> None:
    assert lines(ticks(*ROWS, ROWS[2]))[1]["rows"] == 2
