"""`make bench` at a small size: the peers' rows are the lakehouse's, and the page is written."""

import os
import re
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from benchmarks import contest, run
from benchmarks.agreement import differences
from benchmarks.case import SPARK, Case, Contestant
from benchmarks.cases import CASES
from benchmarks.measuring import Cost
from benchmarks.report import Result, section


@pytest.mark.system
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


@pytest.mark.system
@pytest.mark.parametrize(
    "name",
    [
        *("one_correction", "overview_query", "as_of_read", "compaction"),
        *("tick_5_into_10m", "parse_rate", "landing_rate"),
    ],
)
def test_all_contestants_of_the_embedded_engine_come_to_the_same_rows(name: str, tmp_path: Path) -> None:
    case, inputs = CASES[name], tmp_path / "inputs"
    inputs.mkdir()
    case.prepare(inputs, 0.02)
    keys = [each.key for each in case.contestants if each.engine != SPARK]
    for key in keys:
        (tmp_path / key).mkdir()
        contest.main([name, key, str(inputs), str(tmp_path / key)])
    answers = {key: tmp_path / key / "answer" for key in keys}
    rows = [pl.read_parquet(path).height for path in answers[keys[0]].iterdir()]
    assert rows
    assert all(rows)
    assert {key: differences(answers[keys[0]], answers[key]) for key in keys} == {key: [] for key in keys}


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
    (result,) = run.contest(case, case.contestants, tmp_path / "inputs", 10, run.Runs(2, 1), wrong)
    assert (result.contestant.key, result.seconds, len(result.costs)) == ("lakehouse", 1.5, 2)
    assert wrong == ["cold_query polars: bars.parquet: 2 rows against 1", "cold_query duckdb: failed"]


@pytest.mark.system
def test_making_inputs_leaves_nothing_of_an_engine_to_the_contestants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With PySpark's mark of Spark Connect a plain session of Apache Spark cannot be made."""
    monkeypatch.delenv("SPARK_CONNECT_MODE_ENABLED", raising=False)
    before = dict(os.environ)
    inputs, rows = run.prepared(CASES["one_correction"], tmp_path, 0.02)
    assert rows > 0
    assert (inputs / "lake/silver/bars").is_dir()
    assert dict(os.environ) == before


def test_inputs_that_cannot_be_made_end_the_run_in_a_line(tmp_path: Path) -> None:
    nobody = replace(CASES["cold_query"], name="nobody")
    with pytest.raises(SystemExit, match="nobody: its inputs could not be made"):
        run.prepared(nobody, tmp_path, 0.02)


def test_inputs_that_other_code_made_are_not_used_nor_kept(tmp_path: Path) -> None:
    nobody = replace(CASES["cold_query"], name="nobody")
    outlived = tmp_path / "nobody-0.02-0badc0de"
    outlived.mkdir()
    (outlived / "rows").write_text("7", encoding="utf-8")
    with pytest.raises(SystemExit, match="could not be made"):
        run.prepared(nobody, tmp_path, 0.02)
    assert not outlived.exists()


def test_apache_spark_can_be_timed_less_often_than_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = list[str]()

    def run_once(_case: Case, contestant: Contestant, _inputs: Path, folder: Path) -> Cost:
        calls.append(contestant.key)
        folder.mkdir()
        return Cost(seconds=1.5)

    monkeypatch.setattr(run, "run_once", run_once)
    case = CASES["daily_history"]
    results = run.contest(case, case.contestants, tmp_path / "inputs", 10, run.Runs(3, 1), [])
    assert {len(each.costs) for each in results if each.contestant.engine == SPARK} == {1}
    assert {len(each.costs) for each in results if each.contestant.engine != SPARK} == {3}
    assert ": 10 rows of work; runs per tool: 3, on Apache Spark 1." in section(case, results, 1)
    # the run whose rows are compared is one more, but of who is timed once
    assert (calls.count("polars"), calls.count("pyspark")) == (4, 1)


def test_cases_without_a_contestant_on_the_engine_say_so_and_leave_the_page_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "page.md"
    report.write_text("as it was", encoding="utf-8")
    run.main(["cold_query", "landing_rate", "--engine", "spark", "--report", str(report)])
    assert capsys.readouterr().out.count("nobody contests on that engine") == 2
    assert report.read_text(encoding="utf-8") == "as it was"


def test_a_limit_of_the_machine_stands_in_the_table_without_a_ratio() -> None:
    case = CASES["daily_history"]
    results = [Result(each, 10, (Cost(seconds=2.0),)) for each in case.contestants if each.engine != SPARK]
    lines = [line.split(" | ") for line in section(case, results, 1).splitlines() if line.startswith("| ")]
    ratios = {line[0].lstrip("| "): line[5] for line in lines[1:]}
    assert ratios["DuckDB, Parquet"] == "1.00"
    assert [name for name, ratio in ratios.items() if not ratio.strip()] == [
        "market-lakehouse",
        "limit: read from disk",
        "limit: write and fsync",
        "limit: decompress and parse",
    ]


def test_whoever_is_no_limit_has_rows_to_be_compared_with_the_lakehouses() -> None:
    for case in CASES.values():
        silent = {each.key for each in case.contestants if not each.answer and not each.is_limit}
        assert not silent or not case.contestants[0].answer, f"{case.name}: {silent}"


def test_cases_have_names_of_their_own_and_begin_with_the_lakehouse() -> None:
    for name, case in CASES.items():
        assert case.name == name
        assert case.contestants[0].key == "lakehouse"
        keys = [each.key for each in case.contestants]
        assert len(set(keys)) == len(keys)
