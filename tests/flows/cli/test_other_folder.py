"""A settings file finds the same lake and state from any working folder."""

import shutil
from pathlib import Path

import pytest

from tests.builders.command_line import Cli


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("place", ["config/mine.toml", "mine.toml"])
def test_a_lake_is_found_from_another_folder(
    cli: Cli, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    file = project / place
    file.parent.mkdir(parents=True)
    elsewhere.mkdir()
    file.write_text('lake = "data/lake"\nreport = "out/report.html"\n', encoding="utf-8")
    shutil.copytree(filled, project / "data" / "lake")
    for folder in (elsewhere, Path("/"), project):
        monkeypatch.chdir(folder)
        ended = cli("--config", str(file), "bars", "AAPL", "--limit=1")
        assert (ended.code, "AAPL" in ended.out) == (0, True), ended.error
        assert cli("--config", str(file), "report").code == 0
    assert (project / "out" / "report.html").is_file()
    assert not list(elsewhere.iterdir())


@pytest.mark.usefixtures("environment")
def test_a_lake_of_the_working_folder_is_not_mistaken(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    (elsewhere / "lake").mkdir(parents=True)
    (project / "mine.toml").write_text("", encoding="utf-8")
    monkeypatch.chdir(elsewhere)
    ended = cli("--config", str(project / "mine.toml"), "run")
    assert ended.code == 2
    assert f"means {project / 'lake'}, where nothing is, but there is {elsewhere / 'lake'}" in ended.line
    assert not (project / "lake").exists()
