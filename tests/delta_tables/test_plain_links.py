"""Links to folders with names that engines misread: private, shared by processes, made again, never shown."""

import os
import stat
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.plain_links import plain_path, with_own_paths
from config.secrets import Secrets
from config.settings import Settings, SparkSettings
from delta_tables.storage.lake import Lake, LakeError, lake_of
from delta_tables.tables.silver import BARS
from flows.cli.errors import one_line
from serving.errors import ServingError


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, with nothing in it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def awkward(tmp_path: Path) -> str:
    """A folder whose name the engines cannot read."""
    folder = tmp_path / "a b#é"
    folder.mkdir()
    return str(folder)


def test_a_plain_folder_needs_no_link(temporary: Path, tmp_path: Path) -> None:
    assert plain_path(str(tmp_path)) == str(tmp_path)
    assert not list(temporary.iterdir())


def test_a_link_is_private_and_used_again(temporary: Path, awkward: str) -> None:
    before = os.umask(0)
    try:
        link = Path(plain_path(awkward))
    finally:
        os.umask(before)
    made = link.lstat().st_ino
    assert link.resolve() == Path(awkward)
    assert link.is_relative_to(temporary)
    assert stat.S_IMODE(link.parent.stat().st_mode) == 0o700
    assert plain_path(awkward) == str(link)
    assert link.lstat().st_ino == made


@pytest.mark.usefixtures("temporary")
def test_a_link_that_was_removed_or_points_elsewhere_is_made_again(awkward: str, tmp_path: Path) -> None:
    link = Path(plain_path(awkward))
    link.unlink()
    assert Path(plain_path(awkward)).resolve() == Path(awkward)
    link.unlink()
    link.symlink_to(tmp_path)
    assert Path(plain_path(awkward)).resolve() == Path(awkward)


def test_many_make_the_same_link_at_once(temporary: Path, awkward: str) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: plain_path(awkward), range(64)))
    (links,) = temporary.iterdir()
    assert found == {str(link) for link in links.iterdir()}
    assert len(found) == 1


def test_links_to_folders_that_are_gone_for_a_day_are_removed(temporary: Path, tmp_path: Path) -> None:
    old, new = (Path(plain_path(str(tmp_path / f"gone {name}"))) for name in ("long", "just"))
    day_ago = time.time() - 25 * 3600
    os.utime(old, (day_ago, day_ago), follow_symlinks=False)
    plain_path(str(tmp_path / "another one"))
    (links,) = temporary.iterdir()
    assert old not in links.iterdir()
    assert new in links.iterdir()


@pytest.mark.parametrize("kind", ["link", "open to others", "file"])
def test_a_folder_of_somebody_else_is_not_used(
    temporary: Path, awkward: str, tmp_path: Path, kind: str
) -> None:
    planted = temporary / f"lakehouse-links-{os.getuid()}"
    if kind == "link":
        planted.symlink_to(tmp_path)
    elif kind == "file":
        planted.touch()
    else:
        planted.mkdir()
        planted.chmod(0o777)
    link = Path(plain_path(awkward))
    assert link.resolve() == Path(awkward)
    assert not link.is_relative_to(temporary)
    link.unlink()


def test_messages_name_the_user_s_path(awkward: str) -> None:
    lake = Lake(awkward)
    uri = lake.uri(BARS)
    assert awkward not in uri
    for error in (LakeError(f"no table at {uri}"), ServingError(f"no table at {uri}")):
        assert str(error) == f"no table at {awkward}/silver/bars"
    assert with_own_paths(f"file:{uri}") == f"file:{awkward}/silver/bars"
    assert f"OSError: {awkward}/silver/bars is gone" in one_line(OSError(f"{uri} is gone"))


def test_without_a_place_for_links_the_path_is_refused(
    monkeypatch: pytest.MonkeyPatch, awkward: str, tmp_path: Path
) -> None:
    monkeypatch.setattr("config.plain_links._candidates", lambda: iter([tmp_path / "x" / "y"]))
    (tmp_path / "x").touch()
    with pytest.raises(LakeError, match="there is no place for a link with a plain name") as caught:
        lake_of(Settings(lake=awkward), Secrets(_env_file=None))
    assert awkward in str(caught.value)
    assert "set TMPDIR" in str(caught.value)


@pytest.mark.usefixtures("temporary")
def test_a_spark_of_another_machine_cannot_follow_a_link(awkward: str, tmp_path: Path) -> None:
    far = Settings(engine="spark", spark=SparkSettings(remote="sc://spark:15002"), lake=awkward)
    with pytest.raises(LakeError, match="Apache Spark on spark cannot read this path"):
        lake_of(far, Secrets(_env_file=None))
    lake_of(far.model_copy(update={"lake": str(tmp_path)}), Secrets(_env_file=None))
    lake_of(far.model_copy(update={"engine": "embedded"}), Secrets(_env_file=None))
    near = SparkSettings(remote="sc://127.0.0.1:15002")
    lake_of(far.model_copy(update={"spark": near}), Secrets(_env_file=None))
