"""Two exports into one folder: one writes at a time, and each leaves a manifest that tells the truth."""

import errno
import fcntl
import hashlib
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest

from delta_tables.storage.lake import Lake
from serving.errors import ServingError
from serving.export.folder_lock import only_export
from serving.export.formats import Batches, Format, format_named
from serving.export.layouts import INTRADAY
from serving.export.local_target import LocalFolder
from serving.export.manifest import MANIFEST_KEY
from serving.export.plan import plan_export
from serving.export.request import ExportRequest
from serving.export.run import ExportSummary, export, export_replacing
from tests.builders.export_lake import many_bars


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return many_bars(Lake(str(tmp_path_factory.mktemp("export") / "lake")), 10, 3, 20)


def waiting(csv: Format, until: threading.Event, started: threading.Event) -> Format:
    """CSV that stops in the middle of its first object until the event."""

    def write(batches: Batches, sink: BinaryIO) -> int:
        sink.write(b"time")
        sink.flush()
        started.set()
        assert until.wait(60)
        sink.seek(0)
        sink.truncate()
        return csv.write(batches, sink)

    return Format(csv.name, csv.suffix, csv.content_type, write)


def require_true_manifest(folder: Path) -> int:
    """The number of objects; each is there with the size and hash of the manifest."""
    listed = json.loads((folder / MANIFEST_KEY).read_text())["objects"]
    for entry in listed:
        content = (folder / entry["key"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["size_bytes"], entry["sha256"])
    return len(listed)


def test_the_second_waits_and_both_manifests_are_true(many: Lake, tmp_path: Path) -> None:
    go, started = threading.Event(), threading.Event()
    everything, some = (plan_export(many, INTRADAY, ExportRequest(names)) for names in ((), ("S000", "S001")))
    slow, csv = waiting(format_named("csv"), go, started), format_named("csv")
    with ThreadPoolExecutor() as pool:
        first = pool.submit(export, everything, LocalFolder(tmp_path), slow, 2)
        assert started.wait(60)
        second = pool.submit(export_replacing, some, LocalFolder(tmp_path, 60), csv, 2)
        with pytest.raises(TimeoutError):
            second.result(timeout=0.3)
        assert list(tmp_path.rglob("*.part")), "the second must not remove what the first is writing"
        go.set()
        results: list[ExportSummary] = [first.result(60), second.result(60)]
    assert [each.total_objects for each in results] == [30, 6]
    assert (results[1].removed_objects, require_true_manifest(tmp_path)) == (24, 6)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        MANIFEST_KEY,
        *["data.csv"] * 6,
    ]


def test_who_waits_in_vain_is_told_why_and_changes_nothing(many: Lake, tmp_path: Path) -> None:
    plan = plan_export(many, INTRADAY, ExportRequest())
    export(plan, LocalFolder(tmp_path), format_named("csv"), 2)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with (
        only_export(tmp_path),
        pytest.raises(ServingError, match=r"another export is writing to .*; wait until it has finished"),
    ):
        export(plan, LocalFolder(tmp_path, wait_seconds=0.2), format_named("csv"), 2)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    export(plan, LocalFolder(tmp_path, wait_seconds=0.2), format_named("csv"), 2)
    assert require_true_manifest(tmp_path) == 30


def test_only_leftovers_of_exports_are_removed(tmp_path: Path) -> None:
    ours = [
        ".data.csv.0a1b2c3d.part",
        "._manifest.json.ffffffff.part",
        "deep/er/.ohlcv.json.gz.12345678.part",
    ]
    theirs = ["movie.part", ".data.csv.part", ".data.csv.0a1b2c3d.part.txt", "data.csv"]
    for name in ours + theirs:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    with only_export(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == sorted(theirs)


def test_where_a_folder_cannot_be_locked_a_file_in_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on NFS, where an exclusive lock needs a file that is open for writing."""
    flock, refused = fcntl.flock, []

    def of_files_only(handle: int, operation: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{handle}"):
            refused.append(handle)
            raise OSError(errno.EBADF, "Bad file descriptor")
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", of_files_only)
    with (
        only_export(tmp_path),
        pytest.raises(ServingError, match="another export"),
        only_export(tmp_path, 0.1),
    ):
        raise AssertionError("two exports write at once")
    with only_export(tmp_path, 0.1):
        assert len(refused) == 3


def test_a_folder_of_links_is_not_followed_out_of_the_export(many: Lake, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/S000").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ServingError, match="leads out of the export's folder by a link"):
        export(
            plan_export(many, INTRADAY, ExportRequest()),
            LocalFolder(tmp_path / "out"),
            format_named("csv"),
            2,
        )
    assert not [path for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()]
    assert not (tmp_path / "out" / MANIFEST_KEY).exists()
