"""`lakehouse export`: its options, output and exit codes."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import Result

from delta_tables.storage.lake import Lake
from serving.errors import ServingError
from tests.builders.export_lake import FIRST, files, fill
from tests.serving.command_line import run_command


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return fill(Lake(str(tmp_path_factory.mktemp("export") / "lake")))


def run_export(lake: Lake, *words: object, console: Console | None = None) -> Result:
    return run_command(lake, "export", *words, console=console)


def test_an_export_prints_its_counts_as_json(filled: Lake, tmp_path: Path) -> None:
    words = ("daily", "--to", tmp_path, "--symbols", "AAPL, BRK.B", "--symbols", "^GSPC", "--json")
    done = run_export(filled, *words)
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    held = files(tmp_path)
    assert (found["total_objects"], found["total_rows"]) == (len(held), 4) == (4, 4)
    assert found["total_bytes"] == sum(map(len, held.values()))
    assert found["total_size_mb"] == round(found["total_bytes"] / 1_000_000, 3)


def test_sessions_and_the_instant_limit_the_rows_written(filled: Lake, tmp_path: Path) -> None:
    words = ("daily", "--to", tmp_path, "--start", FIRST, "--end", FIRST, "--as-of", "2026-01-06T23:00:00Z")
    assert run_export(filled, *words).exit_code == 0
    ((name, content),) = files(tmp_path).items()
    assert name == f"daily_ohlcv/{FIRST}/AAPL/ohlcv.csv"
    assert b",9,1000\n" in content


def test_replace_removes_objects_that_the_export_did_not_write(filled: Lake, tmp_path: Path) -> None:
    run_export(filled, "daily", "--to", tmp_path)
    done = run_export(filled, "daily", "--to", tmp_path, "--end", FIRST, "--replace", "--json")
    assert json.loads(done.stdout)["removed_objects"] == 4
    assert len(files(tmp_path)) == 1


def test_a_terminal_shows_progress_and_a_summary(filled: Lake, tmp_path: Path) -> None:
    console = Console(file=StringIO(), force_terminal=True, width=120, color_system=None)
    assert (
        run_export(filled, "gold.signals", "--to", tmp_path, "--format", "json", console=console).exit_code
        == 0
    )
    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    assert "100%" in shown
    assert "total_objects" in shown
    assert "total_size_mb" in shown


def test_nothing_to_export_is_exit_code_1_with_a_message(filled: Lake, tmp_path: Path) -> None:
    done = run_export(filled, "daily", "--to", tmp_path, "--start", "2030-01-01")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "selects no rows of silver.bars" in done.stderr
    assert files(tmp_path) == {}


def test_a_wrong_format_or_destination_is_refused_before_reading(absent: Lake, tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="format must be one of csv, json, parquet, not 'xml'"):
        run_export(absent, "daily", "--to", tmp_path, "--format", "xml")
    with pytest.raises(ServingError, match="inside the lake"):
        run_export(absent, "daily", "--to", f"{absent.root}/x")
