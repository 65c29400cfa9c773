"""`make env`: the secrets' files, their rights, and what stays as it was."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.stack.make_env import NOTIFIED, PASSWORDS, PROVIDER_KEYS, write_secrets

SCRIPT = Path(__file__).resolve().parents[2] / "infra" / "stack" / "make_env.py"
ALL = {*PASSWORDS, *PROVIDER_KEYS, *NOTIFIED}


@pytest.fixture(params=[0o077, 0o022, 0o000, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def rights(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.usefixtures("umask")
def test_the_folder_is_the_owners_alone_and_the_containers_can_read_its_files(tmp_path: Path) -> None:
    folder = tmp_path / ".secrets"
    assert set(write_secrets(folder)) == ALL
    assert rights(folder) == 0o700
    assert {file.name: rights(file) for file in folder.iterdir()} == dict.fromkeys(ALL, 0o644)


def test_passwords_are_random_and_long_and_those_there_stay(tmp_path: Path) -> None:
    folder = tmp_path / ".secrets"
    folder.mkdir()
    (folder / "POSTGRES_PASSWORD").write_text("mine", encoding="utf-8")
    write_secrets(folder)
    found = {name: (folder / name).read_text(encoding="utf-8") for name in PASSWORDS}
    assert found.pop("POSTGRES_PASSWORD") == "mine"
    assert len(set(found.values())) == len(found)
    assert {len(value) for value in found.values()} == {48}
    assert write_secrets(folder) == []
    assert {name: (folder / name).read_text(encoding="utf-8") for name in found} == found


def test_a_file_that_somebody_wrote_for_himself_alone_can_be_read_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / ".secrets"
    folder.mkdir()
    key = folder / "ALPHAVANTAGE_API_KEY"
    key.write_text("a key", encoding="utf-8")
    key.chmod(0o600)
    assert key.name not in write_secrets(folder)
    assert (key.read_text(encoding="utf-8"), rights(key)) == ("a key", 0o644)


def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    command = [sys.executable, str(SCRIPT), "--folder", str(tmp_path / "file" / ".secrets")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"make env: {tmp_path}/file/.secrets: Not a directory; correct this, ")
