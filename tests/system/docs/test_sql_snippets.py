"""docs/sql.md does what it says: each snippet is run as it stands, on a lake in a folder."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from delta_tables.storage.lake import Lake
from tests.builders.gold_lake import ANSWER, CORRECTED, SYMBOLS, fill
from tests.builders.payloads import DAYS
from tests.builders.sql_snippets import KINDS, PAGE, QUESTION, answer_of, make_root, run, snippet, snippets

FOLDER = snippet("setup", "folder").text
ASKING = (("folder", "question"), ("lake", "duckdb"), ("lake", "polars"))


@pytest.fixture(scope="module")
def root(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_root(tmp_path_factory.mktemp("sql"))
    fill(spark, Lake(str(folder / "lake")))
    return folder


def test_each_snippet_says_where_it_can_be_run() -> None:
    found = snippets()
    assert {each.kind for each in found} == set(KINDS)
    assert len({(each.kind, each.name) for each in found}) == len(found)


def test_the_page_asks_one_question_in_one_wording() -> None:
    asked = [" ".join(text.split()) for text in QUESTION.findall(PAGE.read_text(encoding="utf-8"))]
    assert len(asked) == 4, "lakehouse twice, beeline and DuckDB"
    assert len(set(asked)) == 1


def test_what_no_test_runs_says_so() -> None:
    (unrun,) = snippets("unrun")
    before = PAGE.read_text(encoding="utf-8").partition(unrun.text)[0]
    assert "no test runs" in " ".join(before[-250:].split())


def test_each_file_that_is_linked_exists() -> None:
    links = re.findall(r"\]\(([^)]+)\)", PAGE.read_text(encoding="utf-8"))
    ours = [link.partition("#")[0] for link in links if "://" not in link]
    assert len(ours) >= 3
    assert not [link for link in ours if not (PAGE.parent / link).exists()]


@pytest.mark.parametrize("name", [(each.kind, each.name) for each in snippets("lake", "folder")])
def test_each_snippet_ends_well_and_says_something(root: Path, name: tuple[str, str]) -> None:
    done = run(snippet(*name), FOLDER, root)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("name", ASKING)
def test_the_question_has_one_answer(root: Path, name: tuple[str, str]) -> None:
    rows = DeltaTable(str(root / "lake/gold/stock_overview")).count()
    assert rows == len(SYMBOLS) * len(DAYS)
    assert answer_of(snippet(*name), FOLDER, root) == ANSWER


@pytest.mark.parametrize("name", ["version", "known"])
def test_sql_as_of_shows_what_was_there_before_the_correction(root: Path, name: str) -> None:
    done = run(snippet("folder", name), FOLDER, root)
    (row,) = done.stdout.splitlines()[1:]
    assert row.split("\t")[:2] == [DAYS[-1], CORRECTED[0]]


@pytest.mark.parametrize(("commit", "close"), [(0, CORRECTED[1]), (1, CORRECTED[0])])
def test_a_version_is_found_by_its_instant(root: Path, commit: int, close: str) -> None:
    asked = snippet("lake", "version")
    text = asked.text.replace("commits[0]", f"commits[{commit}]")
    assert f"commits[{commit}]" in text
    done = run(replace(asked, text=text), FOLDER, root)
    assert f"│ {close}00000 " in done.stdout
    assert done.stdout.splitlines()[-1] == str(len(DAYS))


def test_the_write_that_shows_a_refusal_does_not_touch_a_folder(root: Path) -> None:
    table = DeltaTable(str(root / "lake/gold/stock_overview"))
    done = run(snippet("bucket", "write-refused"), FOLDER, root)
    assert done.returncode == 1
    assert "a folder has no users" in done.stderr
    assert DeltaTable(table.table_uri).version() == table.version()
