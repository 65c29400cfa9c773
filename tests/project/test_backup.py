"""Backup and restore without Docker: archives of volumes, the manifest, and how a backup ends."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pytest

from infra.stack.backup import back_up
from infra.stack.compose import StackError
from infra.stack.manifest import FORMAT, MANIFEST, Archive, archive_name, sha256_of, verified_manifest
from infra.stack.volume_archive import STAGING, ArchiveError, discard, look, read, stage, swap

unpacks = pytest.mark.skipif(
    not hasattr(tarfile, "data_filter"),
    reason="archives are unpacked in the stack's containers, whose Python filters members; this one is "
    "older than 3.11.4 and does not",
)


def volume(folder: Path) -> Path:
    """A volume with what the stores have: folders, an empty one, a link, and rights of each kind."""
    made = folder / "minio"
    (made / "bucket" / "empty").mkdir(parents=True)
    (made / "bucket" / "part-0.parquet").write_bytes(os.urandom(300_000))
    (made / ".sys").mkdir(mode=0o700)
    (made / ".sys" / "format.json").write_text("{}", encoding="utf-8")
    (made / ".sys" / "format.json").chmod(0o600)
    (made / "link").symlink_to("bucket/part-0.parquet")
    return made


def content(folder: Path) -> dict[str, tuple[int, bytes | str]]:
    """Rights and bytes (of a link: where it leads) of everything below the folder."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "",
        )
        for path in folder.rglob("*")
    }


def archived(of: Path, level: int = 1) -> tuple[bytes, dict[str, Any]]:
    target = io.BytesIO()
    said = read(of, target, level)
    return target.getvalue(), said


@unpacks
@pytest.mark.parametrize("level", [0, 1])
def test_what_is_restored_is_what_was_backed_up_and_nothing_else(tmp_path: Path, level: int) -> None:
    source = volume(tmp_path)
    packed, said = archived(source, level)
    target = tmp_path / "elsewhere"
    (target / "old" / "deep").mkdir(parents=True)
    (target / "old.txt").write_text("old", encoding="utf-8")
    (target / "bucket").mkdir()
    (target / "bucket" / "old.parquet").write_text("old", encoding="utf-8")
    assert stage(target, io.BytesIO(packed)) == {"entries": said["entries"]}
    assert (target / "bucket" / "old.parquet").exists()
    swap(target)
    assert content(target) == content(source)
    assert said["bytes"] == len(packed)


@unpacks
def test_what_has_passed_into_an_archive_or_out_of_one_is_not_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tarfile.TarFile] = []
    really_open: Any = tarfile.open

    def noted(**given: Any) -> tarfile.TarFile:
        opened.append(really_open(**given))
        return opened[-1]

    monkeypatch.setattr(tarfile, "open", noted)
    packed, said = archived(volume(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    stage(tmp_path / "elsewhere", io.BytesIO(packed))
    assert said["entries"] > 5
    assert [len(vars(each)["members"]) for each in opened] == [1, 0]


@unpacks
def test_an_archive_that_is_cut_off_leaves_the_volume_as_it_was(tmp_path: Path) -> None:
    target = volume(tmp_path)
    before = content(target)
    packed, _said = archived(target)
    with pytest.raises((tarfile.TarError, EOFError)):
        stage(target, io.BytesIO(packed[: len(packed) // 2]))
    assert content(target) == before
    with pytest.raises(ArchiveError, match="nothing was staged"):
        swap(target)
    assert content(target) == before


@unpacks
def test_an_archive_that_reaches_out_of_the_volume_is_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../escaped"), io.BytesIO())
    target = tmp_path / "minio"
    target.mkdir()
    with pytest.raises(tarfile.TarError):
        stage(target, io.BytesIO(packed.getvalue()))
    assert not (tmp_path / "escaped").exists()


def test_what_a_broken_restore_left_counts_neither_as_content_nor_into_a_backup(tmp_path: Path) -> None:
    source = volume(tmp_path)
    clean = archived(source)[1]["entries"]
    (source / STAGING).mkdir()
    (source / STAGING / "half").write_text("x", encoding="utf-8")
    assert look(tmp_path)["minio"]["entries"] == 3
    assert archived(source)[1]["entries"] == clean
    discard(source)
    assert not (source / STAGING).exists()


def backup(folder: Path) -> Path:
    """A whole backup of one volume."""
    packed, said = archived(volume(folder))
    made = folder / "backup"
    made.mkdir()
    (made / archive_name("minio")).write_bytes(packed)
    written = {"format": FORMAT, "made_at": "2026-01-31T22:00:00+00:00", "images": {"minio": "minio:1"}}
    (made / MANIFEST).write_text(json.dumps(written | {"volumes": {"minio": said}}), encoding="utf-8")
    return made


def test_a_whole_backup_is_verified(tmp_path: Path) -> None:
    made = backup(tmp_path)
    found = verified_manifest(made, {"minio"})
    file = made / archive_name("minio")
    archive = found.volumes["minio"]
    assert (archive.sha256, archive.bytes) == (sha256_of(file), file.stat().st_size)
    assert set(asdict(archive)) == set(Archive.__dataclass_fields__)
    assert found.content_bytes >= 300_000


def test_one_byte_that_differs_is_refused(tmp_path: Path) -> None:
    made = backup(tmp_path)
    file = made / archive_name("minio")
    changed = bytearray(file.read_bytes())
    changed[1000] ^= 1
    file.write_bytes(changed)
    with pytest.raises(StackError, match="damaged or was modified; nothing was changed"):
        verified_manifest(made, {"minio"})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "volumes": {"minio": {}}}'])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    made = backup(tmp_path)
    (made / MANIFEST).write_text(text, encoding="utf-8")
    with pytest.raises(StackError, match="manifest"):
        verified_manifest(made, {"minio"})


def test_a_folder_without_manifest_or_archive_is_no_backup(tmp_path: Path) -> None:
    made = backup(tmp_path)
    with pytest.raises(StackError, match="expected archives of minio, postgres, found minio"):
        verified_manifest(made, {"minio", "postgres"})
    (made / archive_name("minio")).unlink()
    with pytest.raises(StackError, match="nothing was changed"):
        verified_manifest(made, {"minio"})
    (made / MANIFEST).unlink()
    with pytest.raises(StackError, match="has no manifest and cannot be restored"):
        verified_manifest(made, {"minio"})


NOW = datetime(2026, 1, 31, 22, tzinfo=UTC)
SERVICES: dict[str, Any] = {name: {"image": f"{name}:1"} for name in ("minio", "postgres")}


class Engine:
    """A stack of one volume and two services, without Docker; `comes_up` and `sends` are what goes wrong."""

    def __init__(self, comes_up: bool, sends: bytes = b"an archive") -> None:
        self.comes_up, self.sends = comes_up, sends
        self.at_work = {"minio": 1, "postgres": 1}
        self.started: list[Mapping[str, int]] = []

    def stop(self) -> None:
        """All services."""
        self.at_work = {}

    def start(self, _stack: Mapping[str, Any], services: Mapping[str, int]) -> None:
        """These services, or none."""
        self.started.append(services)
        if not self.comes_up:
            raise StackError("docker compose up ended with 1: dependency failed to start")
        self.at_work = dict(services)

    def archive(self, target: IO[bytes], *_words: str) -> str:
        """Writes the archive and says what was meant to be sent."""
        target.write(self.sends)
        target.flush()
        digest = hashlib.sha256(b"an archive").hexdigest()
        return json.dumps({"sha256": digest, "bytes": 10, "entries": 1, "content_bytes": 10})

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """In the place of `docker compose`."""
        place = "infra.stack.backup"
        stack = {"volumes": {"minio": {}}, "services": SERVICES}
        patch.setattr(f"{place}.configuration", lambda: stack)
        patch.setattr(f"{place}.compose", lambda *_words: json.dumps({"minio": {"entries": 1}}))
        patch.setattr(f"{place}.require_no_one_off", lambda: None)
        patch.setattr(f"{place}.compose_to", self.archive)
        patch.setattr(f"{place}.running", lambda: dict(self.at_work))
        patch.setattr(f"{place}.stop", self.stop)
        patch.setattr(f"{place}.start", self.start)


def test_a_backup_is_whole_and_what_ran_runs_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(comes_up=True)
    engine.install(monkeypatch)
    folder = back_up(tmp_path, NOW)
    assert set(verified_manifest(folder, {"minio"}).volumes) == {"minio"}
    assert engine.started == [{"minio": 1, "postgres": 1}]


def test_a_whole_backup_is_named_though_the_services_do_not_come_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Engine(comes_up=False).install(monkeypatch)
    with pytest.raises(
        StackError, match=r"20260131T220000Z is complete, but .* did not come back up: .*failed to start"
    ):
        back_up(tmp_path, NOW)
    (folder,) = tmp_path.iterdir()
    assert set(verified_manifest(folder, {"minio"}).volumes) == {"minio"}


def test_a_backup_that_fails_leaves_nothing_and_starts_what_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(comes_up=True, sends=b"half")
    engine.install(monkeypatch)
    with pytest.raises(StackError, match="differs from the 10 bytes that were sent"):
        back_up(tmp_path, NOW)
    assert list(tmp_path.iterdir()) == []
    assert engine.started == [{"minio": 1, "postgres": 1}]


def test_why_there_is_no_backup_is_said_though_the_services_do_not_come_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Engine(comes_up=False, sends=b"half").install(monkeypatch)
    with pytest.raises(
        StackError, match=r"there is no backup \(.*differs from the 10 bytes .* did not come back up: "
    ):
        back_up(tmp_path, NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_container_that_does_not_say_what_it_sent_leaves_no_backup_and_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(comes_up=True)
    engine.install(monkeypatch)
    monkeypatch.setattr("infra.stack.backup.compose_to", lambda *_words: "a warning\nof Docker's own\n")
    with pytest.raises(StackError, match=r"minio.tar.gz: expected .* found \"of Docker's own\"; repeat"):
        back_up(tmp_path, NOW)
    assert (list(tmp_path.iterdir()), engine.at_work) == ([], {"minio": 1, "postgres": 1})


def test_a_backup_that_is_told_to_stop_says_so_where_the_services_do_not_come_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_words: object) -> str:
        raise KeyboardInterrupt

    Engine(comes_up=False).install(monkeypatch)
    monkeypatch.setattr("infra.stack.backup.compose_to", interrupted)
    with pytest.raises(StackError, match=r"there is no backup \(it was stopped\), but some services"):
        back_up(tmp_path, NOW)
