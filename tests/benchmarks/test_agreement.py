"""Whether two answers are the same rows."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from benchmarks.agreement import differences

AT = datetime(2010, 8, 20, tzinfo=UTC)


def answer(folder: Path, *rows: tuple[str, object], name: str = "bars") -> Path:
    folder.mkdir(exist_ok=True)
    columns = {"symbol": [row[0] for row in rows], "at": [AT] * len(rows), "close": [row[1] for row in rows]}
    pl.DataFrame(columns).write_parquet(folder / f"{name}.parquet")
    return folder


def test_the_order_of_rows_and_the_kind_of_number_do_not_matter(tmp_path: Path) -> None:
    ours = answer(tmp_path / "ours", ("A", Decimal("1.5")), ("B", Decimal("2")))
    theirs = answer(tmp_path / "theirs", ("B", 2.000001), ("A", 1.5))
    assert differences(ours, theirs) == []


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([("A", 1.5), ("B", 2.1)], "1 rows differ in close, such as ('B'"),
        ([("A", 1.5), ("B", None)], "1 rows differ in close"),
        ([("A", 1.5), ("C", 2.0)], "1 rows differ in symbol"),
        ([("A", 1.5)], "2 rows against 1"),
    ],
)
def test_what_differs_is_told(tmp_path: Path, rows: list[tuple[str, object]], told: str) -> None:
    ours = answer(tmp_path / "ours", ("A", 1.5), ("B", 2.0))
    (line,) = differences(ours, answer(tmp_path / "theirs", *rows))
    assert told in line


def test_a_table_that_only_one_has_is_told(tmp_path: Path) -> None:
    ours = answer(answer(tmp_path / "ours", ("A", 1.5)), ("A", 1.5), name="kpis")
    assert differences(ours, answer(tmp_path / "theirs", ("A", 1.5))) == ["kpis.parquet: only one has it"]
