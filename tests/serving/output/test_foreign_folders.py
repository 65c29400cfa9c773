"""Commands write files, but never into the lake, the state folder or a folder of passwords."""

import os
from pathlib import Path

import pytest

from config.settings import Settings
from delta_tables.storage.lake import Lake
from serving.errors import ServingError
from serving.output.foreign_folders import OwnFolder, require_foreign
from tests.serving.command_line import output_of, run_command


@pytest.fixture
def places(tmp_path: Path, sample: Lake) -> dict[str, Path]:
    """Places in each folder of the lakehouse itself: by name, by a link, and by a way around."""
    (tmp_path / "state").mkdir()
    (tmp_path / ".secrets").mkdir()
    (tmp_path / "elsewhere").symlink_to(sample.root)
    (tmp_path / "gold").symlink_to(Path(sample.root) / "gold")
    (tmp_path / "harmless").symlink_to(tmp_path / ".secrets")
    root = Path(sample.root)
    return {
        "in the lake": root / "page.html",
        "a table's log": root / "gold/signals/_delta_log/00000000000000000000.json",
        "a link to the lake": tmp_path / "elsewhere/page.html",
        "a link into the lake": tmp_path / "gold/new/page.html",
        "a way around": tmp_path / "state/.." / os.path.relpath(root, tmp_path) / "page.html",
        "the state folder": tmp_path / "state/page.html",
        "below the state folder": tmp_path / "state/locks/page.html",
        "passwords": tmp_path / ".secrets/page.html",
        "a link to passwords": tmp_path / "harmless/page.html",
    }


def test_neither_a_report_nor_an_export_is_written_there(sample: Lake, places: dict[str, Path]) -> None:
    settings = Settings(state_dir=places["the state folder"].parent)
    held = {path: path.stat().st_mtime_ns for path in Path(sample.root).rglob("*")}
    for name, place in places.items():
        for words in (("report", "--path", place), ("export", "daily", "--to", place.parent)):
            with pytest.raises(ServingError, match=r"choose a place outside it"):
                run_command(sample, *words, settings=settings)
            assert not place.with_suffix(".html").exists(), name
    assert held == {path: path.stat().st_mtime_ns for path in Path(sample.root).rglob("*")}


def test_the_setting_is_judged_like_the_option(sample: Lake) -> None:
    with pytest.raises(ServingError, match="is inside the lake"):
        run_command(sample, "report", settings=Settings(report=Path(sample.root) / "report.html"))


def test_an_export_whose_folder_is_a_link_into_the_lake_is_refused(sample: Lake, tmp_path: Path) -> None:
    (tmp_path / "daily_ohlcv").symlink_to(sample.root)
    with pytest.raises(ServingError, match="is inside the lake"):
        run_command(sample, "export", "daily", "--to", tmp_path)


def test_a_folder_around_the_lake_is_refused_if_the_layout_would_be_there(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "daily_ohlcv/lake"))
    with pytest.raises(ServingError, match=r"the lake .* is inside .*daily_ohlcv; choose another"):
        run_command(lake, "export", "daily", "--to", tmp_path)


def test_the_same_folder_under_another_name_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a folder is mounted twice, or a file system ignores case."""
    lake, mount = tmp_path / "lake", tmp_path / "mount"
    lake.mkdir()
    mount.mkdir()
    same = {str(lake), str(mount)}
    monkeypatch.setattr(os.path, "samefile", lambda one, other: {str(one), str(other)} == same)
    with pytest.raises(ServingError, match="is inside the lake"):
        require_foreign(mount / "x", [OwnFolder("the lake", lake)])


def test_a_file_that_is_no_report_is_kept(sample: Lake, tmp_path: Path) -> None:
    keys = tmp_path / ".env"
    keys.write_text("ALPHAVANTAGE_API_KEY=x\n")
    with pytest.raises(ServingError, match=r"\.env is not a report, so it is not replaced"):
        run_command(sample, "report", "--path", keys)
    assert keys.read_text() == "ALPHAVANTAGE_API_KEY=x\n"


def test_an_older_report_and_an_empty_file_are_replaced(sample: Lake, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.touch()
    assert output_of(sample, "report", "--path", page) == output_of(sample, "report", "--path", page)
    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("command", ["run", "build", "rebuild-gold"])
def test_a_run_whose_report_would_be_in_the_lake_is_refused_before_it_begins(
    tmp_path: Path, command: str
) -> None:
    lake, report = Lake(str(tmp_path / "lake")), tmp_path / "lake/report.html"
    with pytest.raises(ServingError, match="is inside the lake"):
        run_command(lake, command, settings=Settings(report=report, state_dir=tmp_path / "state"))
    assert list(tmp_path.iterdir()) == []
