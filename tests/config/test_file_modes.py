"""What is written is private, whatever the umask, unless the settings leave it to the umask."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.file_modes import apply_file_mode, modes_to_warn_of
from config.settings import Settings


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield int(request.param)
    os.umask(before)


def modes(folder: Path) -> tuple[int, int]:
    """The modes of a new folder and of a new file in it."""
    (folder / "new").mkdir()
    (folder / "new" / "file").touch()
    return tuple(path.stat().st_mode & 0o777 for path in (folder / "new", folder / "new" / "file"))  # type: ignore[return-value] # of two


@pytest.mark.usefixtures("umask")
def test_what_is_written_is_private_by_default(tmp_path: Path) -> None:
    apply_file_mode(Settings())
    assert modes(tmp_path) == (0o700, 0o600)


def test_a_setting_leaves_it_to_the_umask(tmp_path: Path, umask: int) -> None:
    apply_file_mode(Settings(file_mode="umask"))
    assert modes(tmp_path) == (0o777 & ~umask, 0o666 & ~umask)


def test_folders_that_are_open_to_others_are_named(tmp_path: Path) -> None:
    lake, state = tmp_path / "lake", tmp_path / "state"
    lake.mkdir(mode=0o700)
    state.mkdir(mode=0o700)
    settings = Settings(lake=str(lake), state_dir=state)
    assert modes_to_warn_of(settings, str(lake)) == ()
    lake.chmod(0o750)
    (warning,) = modes_to_warn_of(settings, str(lake))
    assert warning == f"{lake} is open to other users (mode 750); run `chmod -R go= {lake}`"
    state.chmod(0o701)
    assert len(modes_to_warn_of(settings, str(lake))) == 2
    assert len(modes_to_warn_of(settings, None)) == 1
    assert modes_to_warn_of(settings.model_copy(update={"file_mode": "umask"}), str(lake)) == ()
    assert modes_to_warn_of(Settings(state_dir=tmp_path / "nowhere"), str(tmp_path / "nowhere")) == ()
