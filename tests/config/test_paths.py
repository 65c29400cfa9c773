"""Paths of a settings file are relative to it; a path that cannot work is refused at load."""

import json
from pathlib import Path

import pytest

from config.load import ConfigError, load_settings
from config.paths import is_plain
from config.settings import Settings

AWKWARD = tuple(' é日"#%*<>?[\\]^`{|}~')


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, which is not that of the settings file."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_s_paths_are_relative_to_its_folder(tmp_path: Path, elsewhere: Path) -> None:
    del elsewhere
    text = 'lake = "data/lake"\nstate_dir = "../state"\nreport = "out.html"'
    settings = load_settings({}, write(tmp_path / "desk" / "mine.toml", text))
    assert settings.lake == str(tmp_path / "desk" / "data/lake")
    assert settings.state_dir.resolve() == tmp_path / "state"
    assert settings.report == tmp_path / "desk" / "out.html"


def test_paths_that_a_file_leaves_out_are_relative_to_it_too(tmp_path: Path, elsewhere: Path) -> None:
    del elsewhere
    settings = load_settings({"LAKEHOUSE_CONFIG": str(write(tmp_path / "desk" / "mine.toml", ""))})
    assert (settings.lake, settings.state_dir) == (str(tmp_path / "desk/lake"), tmp_path / "desk/.lakehouse")


def test_in_a_folder_config_they_are_relative_to_the_project(tmp_path: Path, elsewhere: Path) -> None:
    file = write(tmp_path / "project" / "config" / "lakehouse.toml", 'lake = "lake"')
    assert load_settings({}, file).lake == str(tmp_path / "project" / "lake")
    relative = Path("../project/config/lakehouse.toml")
    assert Path(load_settings({}, relative).lake).resolve() == tmp_path / "project" / "lake"
    assert not list(elsewhere.iterdir())


def test_the_file_of_the_working_folder_means_what_it_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "config" / "lakehouse.toml", 'lake = "lake"')
    monkeypatch.chdir(tmp_path)
    for settings in (load_settings({}), load_settings({}, Path("config/lakehouse.toml"))):
        assert (settings.lake, settings.state_dir) == ("lake", Path(".lakehouse"))


def test_a_variable_s_paths_are_relative_to_the_working_folder(tmp_path: Path, elsewhere: Path) -> None:
    del elsewhere
    environ = {"LAKEHOUSE_LAKE": "pond", "LAKEHOUSE_STATE_DIR": "state", "LAKEHOUSE_REPORT": "r.html"}
    settings = load_settings(environ, write(tmp_path / "desk" / "mine.toml", 'lake = "lake"'))
    assert (settings.lake, settings.state_dir, settings.report) == ("pond", Path("state"), Path("r.html"))


@pytest.mark.parametrize("name", ["[a]", "{}", "2024", "null", '"quoted"'])
def test_a_variable_s_path_is_never_read_as_json(name: str) -> None:
    settings = load_settings({"LAKEHOUSE_LAKE": name, "LAKEHOUSE_STATE_DIR": name})
    assert (settings.lake, settings.state_dir) == (name, Path(name))


@pytest.mark.parametrize(("key", "name"), [("lake", "lake"), ("state_dir", ".lakehouse")])
def test_a_lake_where_the_path_used_to_point_is_not_replaced_in_silence(
    tmp_path: Path, elsewhere: Path, key: str, name: str
) -> None:
    file = write(tmp_path / "desk" / "mine.toml", "")
    (elsewhere / name).mkdir()
    with pytest.raises(ConfigError, match=f"`{key}` is relative to the settings file's folder") as caught:
        load_settings({}, file)
    assert f'write {key} = "{elsewhere / name}"' in str(caught.value)
    write(file, f'{key} = "{elsewhere / name}"')
    assert str(getattr(load_settings({}, file), key)) == str(elsewhere / name)
    write(file, "")
    (file.parent / name).mkdir()
    assert str(getattr(load_settings({}, file), key)) == str(file.parent / name)


def test_a_bucket_and_an_absolute_path_stay_as_they_are(tmp_path: Path, elsewhere: Path) -> None:
    del elsewhere
    file = write(tmp_path / "desk" / "mine.toml", 'lake = "s3://bucket/env=prod/lake"\nstate_dir = "/state"')
    settings = load_settings({}, file)
    assert (settings.lake, settings.state_dir) == ("s3://bucket/env=prod/lake", Path("/state"))


def test_the_home_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings(state_dir=Path("~/state")).state_dir == tmp_path / "state"
    file = write(tmp_path / "desk" / "mine.toml", 'lake = "~/lake"')
    assert load_settings({}, file).lake == str(tmp_path / "lake")


def test_the_home_folder_of_nobody_is_the_name_of_a_folder(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.toml", 'lake = "~nobody-at-all/lake"\nstate_dir = "~nobody-at-all"')
    settings = load_settings({}, file)
    assert settings.lake == str(tmp_path / "~nobody-at-all" / "lake")
    assert settings.state_dir == tmp_path / "~nobody-at-all"


@pytest.mark.parametrize("character", AWKWARD)
def test_a_folder_may_have_any_name_but_a_bucket_s_prefix_may_not(tmp_path: Path, character: str) -> None:
    name = json.dumps(f"a{character}b", ensure_ascii=False)
    file = write(tmp_path / f"d{character}k" / "my.toml", f"lake = {name}\nstate_dir = {name}")
    settings = load_settings({}, file)
    assert settings.lake == str(file.parent / f"a{character}b")
    assert settings.state_dir == file.parent / f"a{character}b"
    assert not is_plain(settings.lake)
    with pytest.raises(ConfigError, match=r"`lake`.*choose another prefix"):
        load_settings({"LAKEHOUSE_LAKE": f"s3://bucket/a{character}b"})


@pytest.mark.parametrize("key", ["lake", "state_dir", "report"])
@pytest.mark.parametrize("bad", ["a\\nb", "a\\tb", "\\u0000", "a\\u0085b", "   "])
def test_what_cannot_be_a_path_is_refused_at_load(tmp_path: Path, key: str, bad: str) -> None:
    with pytest.raises(ConfigError, match=rf"`{key}`.*(control character|cannot be empty)") as caught:
        load_settings({}, write(tmp_path / "my.toml", f'{key} = "{bad}"'))
    assert "\n" not in str(caught.value)


def test_a_path_that_is_too_long_is_refused_at_load() -> None:
    assert load_settings({"LAKEHOUSE_LAKE": "é" * 127}).lake
    for path in ("é" * 128, "a/" * 3_501):
        with pytest.raises(ConfigError, match=r"LAKEHOUSE_LAKE.*shorten it"):
            load_settings({"LAKEHOUSE_LAKE": path})


def test_a_path_that_is_not_utf_8_is_refused_at_load() -> None:
    for name in ("LAKEHOUSE_LAKE", "LAKEHOUSE_STATE_DIR"):
        with pytest.raises(ConfigError, match=name):
            load_settings({name: "a\udcffb"})


@pytest.mark.parametrize("address", ["gs://bucket/lake", "file:///lake", "https://host/lake"])
def test_the_address_of_another_store_is_not_taken_for_a_folder(address: str) -> None:
    with pytest.raises(ConfigError, match="a lake is a folder or s3://bucket/prefix"):
        load_settings({"LAKEHOUSE_LAKE": address})
