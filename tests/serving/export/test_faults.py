"""Failing exports: no incomplete file has a final name, and there is no manifest."""

import errno
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from delta_tables.storage.lake import Lake
from flows.cli.errors import one_line
from serving.errors import ServingError
from serving.export.formats import Batches, Format, format_named
from serving.export.layouts import INTRADAY
from serving.export.local_target import LocalFolder
from serving.export.manifest import MANIFEST_KEY
from serving.export.plan import plan_export
from serving.export.request import ExportRequest
from serving.export.run import export
from tests.builders.export_lake import exported, files, many_bars

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return many_bars(Lake(str(tmp_path_factory.mktemp("export") / "lake")), 10, 3, 20)


def failing_after(lasting: int, problem: BaseException) -> Format:
    """CSV that breaks in the middle of an object, once so many are written."""
    csv, calls = format_named("csv"), itertools.count()

    def write(batches: Batches, sink: BinaryIO) -> int:
        if next(calls) >= lasting:  # in one step: another thread may be in here, too
            sink.write(b"timestamp,op")
            raise problem
        return csv.write(batches, sink)

    return Format(csv.name, csv.suffix, csv.content_type, write)


def run(lake: Lake, folder: Path, file_format: Format) -> None:
    export(plan_export(lake, INTRADAY, ExportRequest()), LocalFolder(folder), file_format, threads=2)


def test_a_full_disk_leaves_only_complete_files_and_no_manifest(many: Lake, tmp_path: Path) -> None:
    exported(many, tmp_path, "intraday")
    whole = files(tmp_path / "intraday")
    with pytest.raises(ServingError, match="the disk is full; free some space and export again"):
        run(many, tmp_path / "intraday", failing_after(7, OSError(errno.ENOSPC, "No space left on device")))
    assert files(tmp_path / "intraday") == whole
    assert not (tmp_path / "intraday" / MANIFEST_KEY).exists()


def test_any_other_fault_leaves_only_complete_files(many: Lake, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run(many, tmp_path, failing_after(7, ZeroDivisionError()))
    written = files(tmp_path)
    assert 7 <= len(written) < 30
    exported(many, tmp_path / "whole", "intraday")
    whole = files(tmp_path / "whole/intraday")
    assert all(whole[name] == content for name, content in written.items() if not name.startswith("whole/"))
    assert not (tmp_path / MANIFEST_KEY).exists()


def test_a_killed_export_leaves_only_complete_files_and_a_rerun_completes_it(
    many: Lake, tmp_path: Path
) -> None:
    code = f"""
        import itertools
        import time
        from pathlib import Path
        from delta_tables.storage.lake import Lake
        from tests.serving.export.test_faults import run
        from serving.export.formats import Format, format_named
        csv = format_named("csv")
        calls = itertools.count()
        def write(pieces, sink):
            if next(calls) >= 5:  # the kill comes inside these
                sink.write(b"timestamp,op")
                sink.flush()
                time.sleep(600)
            return csv.write(pieces, sink)
        slow = Format("csv", ".csv", "text/csv", write)
        run(Lake({many.root!r}), Path({str(tmp_path / "intraday")!r}), slow)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT)
    deadline = time.monotonic() + 300
    while not (
        len(list(tmp_path.rglob("data.csv"))) == 5
        and any(part.stat().st_size for part in tmp_path.rglob("*.part"))
    ):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=60)
    killed = files(tmp_path)
    assert not (tmp_path / "intraday" / MANIFEST_KEY).exists()
    assert any(name.endswith(".part") for name in killed)
    exported(many, tmp_path, "intraday")
    now = files(tmp_path)
    assert sum(name.endswith(".csv") for name in killed) == 5
    assert all(content == now[name] for name, content in killed.items() if not name.endswith(".part"))
    assert not any(name.endswith(".part") for name in now)
    assert len([name for name in now if name.endswith("data.csv")]) == 30


def test_an_unwritable_destination_is_named_without_advice_about_the_lake(
    many: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("here")
    with pytest.raises(ServingError, match=r"file/intraday.* cannot be written .Not a directory"):
        exported(many, tmp_path / "file", "intraday")

    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "x"))

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(ServingError, match="permission denied") as error:
        exported(many, tmp_path, "intraday")
    assert one_line(error.value) == (
        f"{tmp_path / 'x'}: permission denied; check its owner and permissions, or choose another destination"
    )
    assert files(tmp_path / "intraday") == {}
