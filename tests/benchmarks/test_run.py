"""`make bench` at a small size: the peers' rows are the lakehouse's, and the page is written."""

import re
from pathlib import Path

import polars as pl
import pytest

from benchmarks import run
from benchmarks.case import Case, Contestant
from benchmarks.cases import CASES
from benchmarks.measuring import Cost


@pytest.mark.slow
@pytest.mark.parametrize("case", ["daily_history", "minute_backfill"])
def test_all_contestants_of_the_embedded_engine_agree_and_are_in_the_table(case: str, tmp_path: Path) -> None:
    report = tmp_path / "benchmarks.md"
    size = ["--engine", "embedded", "--repeat", "1", "--scale", "0.02"]
    run.main([case, *size, "--folder", str(tmp_path / "inputs"), "--report", str(report)])
    text = report.read_text(encoding="utf-8")
    assert f"## {case}\n" in text
    assert "at a scale of 0.02 only" in text
    contestants = re.findall(r"^\| ([\w+, -]+) \| (embedded|-) \| [\d.]+ ", text, re.MULTILINE)
    assert [name for name, _ in contestants] == ["market-lakehouse", "delta-rs + Polars", "DuckDB, Parquet"]


def test_who_has_other_rows_or_fails_is_named_and_not_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_once(_case: Case, contestant: Contestant, _inputs: Path, folder: Path) -> Cost | None:
        rows = 1 if contestant.key == "polars" else 2
        (folder / "answer").mkdir(parents=True)
        pl.DataFrame({"symbol": ["A"] * rows}).write_parquet(folder / "answer" / "bars.parquet")
        return None if contestant.key == "duckdb" else Cost(seconds=1.5)

    monkeypatch.setattr(run, "run_once", run_once)
    case, wrong = CASES["cold_query"], list[str]()
    (result,) = run.contest(case, case.contestants, tmp_path / "inputs", 10, 2, wrong)
    assert (result.contestant.key, result.seconds, len(result.costs)) == ("lakehouse", 1.5, 2)
    assert wrong == ["cold_query polars: bars.parquet: 2 rows against 1", "cold_query duckdb: failed"]


def test_cases_have_names_of_their_own_and_begin_with_the_lakehouse() -> None:
    for name, case in CASES.items():
        assert case.name == name
        assert case.contestants[0].key == "lakehouse"
        keys = [each.key for each in case.contestants]
        assert len(set(keys)) == len(keys)
