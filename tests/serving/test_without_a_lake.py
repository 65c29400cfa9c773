"""Commands that read: without a lake they say so, fail, and create nothing."""

import shlex
from pathlib import Path

import pytest

from config.settings import Settings
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.silver import BARS
from serving.errors import ServingError
from tests.serving.command_line import output_of, run_command

READS = (
    "status",
    "report",
    "breaks",
    "breaks AAPL",
    "bars AAPL",
    "bars AAPL --adjusted total",
    "health silver.bars",
    "health gold.daily_kpis --symbol AAPL",
    "explain gold.daily_kpis",
    "explain silver.bars symbol=AAPL",
    "export daily --to out",
    "export gold.signals --to out --format csv",
    "maintain",
    "sql 'show tables'",
    "sql 'select 1'",
)


@pytest.mark.parametrize("words", READS)
def test_there_is_no_lake(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LakeError, match=r"no lake at .*: it has no tables; fill it with `lakehouse run`"):
        run_command(Lake(str(tmp_path / "lake")), *shlex.split(words))
    assert list(tmp_path.iterdir()) == [], "nothing was created"


def test_checks_cannot_be_evaluated_without_a_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (("check",), ("check", "silver_bars")):
        done = run_command(Lake(str(tmp_path / "lake")), *words)
        assert done.exit_code == 3
        assert "fill the lake with `lakehouse run`" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("bars AAPL", "there are no symbols yet; `lakehouse run` fetches"),
        ("breaks AAPL", "there are no symbols yet; `lakehouse run` fetches"),
        ("health silver.bars", r"silver\.bars is empty, .* fill it with `lakehouse run`"),
        ("explain gold.daily_kpis symbol=AAPL", "the table is empty; fill it with `lakehouse run`"),
        ("export daily --to out", "there are no symbols yet|selects no rows"),
    ],
)
def test_an_empty_lake_is_not_a_missing_one(lake: Lake, words: str, message: str) -> None:
    create_tables(lake)
    if words.startswith("export"):
        done = run_command(lake, *words.split())
        assert (done.exit_code, "selects no rows" in done.stderr) == (1, True)
        return
    with pytest.raises(ServingError, match=message):
        run_command(lake, *words.split())


def test_a_lake_of_one_table_has_a_status_and_names_what_lacks(lake: Lake, tmp_path: Path) -> None:
    create_tables(lake, [BARS])
    assert "silver.bars\t0" in output_of(lake, "status")
    output_of(lake, "report", settings=Settings(report=tmp_path / "page.html"))
    for words in ("health gold.daily_kpis", "export gold.signals --to out", "breaks"):
        with pytest.raises((LakeError, ServingError), match=r"there is no gold\.\w+ .*`lakehouse run`"):
            run_command(lake, *words.split())


def test_a_range_that_ends_before_it_starts_says_so(sample: Lake) -> None:
    for words in ("health silver.bars", "bars AAPL"):
        with pytest.raises(ServingError, match="ends on 2026-01-02, before it starts on 2026-01-05; swap"):
            run_command(sample, *words.split(), "--from", "2026-01-05", "--to", "2026-01-02")


def test_a_health_report_of_nothing_says_what_there_is(sample: Lake) -> None:
    with pytest.raises(ServingError, match=r"no rows of \^X; .*'select distinct symbol from silver\.bars'`"):
        run_command(sample, "health", "silver.bars", "--symbol", "^X")
    with pytest.raises(ServingError, match="has no rows of AAPLE; did you mean AAPL"):
        run_command(sample, "health", "silver.bars", "--symbol", "AAPLE", "--symbol", "AAPL")
    with pytest.raises(
        ServingError, match=r"no rows of AAPL from 2030-01-01 .* sessions are from 2026-01-02"
    ):
        run_command(sample, "health", "silver.bars", "--symbol", "AAPL", "--from", "2030-01-01")


def test_bars_outside_the_range_name_the_series_that_there_are(sample: Lake) -> None:
    done = run_command(sample, "bars", "MSFT", "--interval", "7min")
    assert done.exit_code == 0
    assert "it has 1day bars from 2026-01-02 to 2026-01-06" in done.stderr


def test_explain_without_a_key_shows_an_example(sample: Lake) -> None:
    with pytest.raises(ServingError, match=r"name a row of gold\.daily_kpis; .*example: symbol="):
        run_command(sample, "explain", "gold.daily_kpis")
