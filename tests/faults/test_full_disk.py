"""A full or read-only disk: one line, no half-published table, and a clean lake after the rerun."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.simulator.server import Simulator
from tests.builders.command_line import Cli
from tests.builders.installation import install
from tests.builders.lakes import hashes

pytestmark = pytest.mark.usefixtures("environment", "still_clock")

BACKFILL = ("backfill", "--from=2010-08-02", "--to=2010-08-13", "--dataset=daily")
# Kilobytes left: enough to land a part, to build a part of Silver, to build a part of Gold.
LEFT_KB = (100, 230, 400)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk (2026-11-21)")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a disk (2026-11-21)")
    yield folder
    # lazily: a thread of delta-rs may still have a file open
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def leave_free(disk: Path, kilobytes: int) -> Path:
    """Fills the disk up to so many free kilobytes; removing the returned file frees it."""
    found = os.statvfs(disk)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(found.f_bavail * found.f_frsize - kilobytes * 1024))
    return ballast


def test_full_disk(
    cli: Cli,
    simulator: Simulator,
    small_disk: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    clean = install(tmp_path / "clean", simulator.url)
    assert cli("--config", clean.config, *BACKFILL).code == 0
    done = hashes(clean.lake)
    empty = hashes(install(tmp_path / "empty", simulator.url).lake)
    for left_kb in LEFT_KB:
        here = install(tmp_path / "full", simulator.url, lake=small_disk / f"lake-{left_kb}")
        ballast = leave_free(small_disk, left_kb)
        ended = cli("--config", here.config, *BACKFILL)
        ballast.unlink()
        assert ended.code == 2
        assert "the disk is full" in ended.line
        left = hashes(here.lake)
        assert all(left[name] in {empty[name], done[name]} for name in left)
        assert left["gold.stock_overview"] == empty["gold.stock_overview"]
        assert cli("--config", here.config, *BACKFILL).code == 0
        assert hashes(here.lake) == done
    free = ", ".join(map(str, LEFT_KB))
    record_property(
        "happened", f"with {free} kB free: one line, nothing half-published; reruns gave equal hashes"
    )


def test_read_only_lake(
    cli: Cli,
    simulator: Simulator,
    small_disk: Path,
    filled: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    here = install(tmp_path / "read-only", simulator.url, lake=small_disk / "lake")
    shutil.copytree(filled, here.lake.root)
    before = hashes(here.lake)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for command in (("run",), BACKFILL):
        ended = cli("--config", here.config, *command)
        assert ended.code == 2
        assert "may not be written" in ended.line
    assert cli("--config", here.config, "bars", "AAPL").code == 0
    assert cli("--config", here.config, "sql", "select count(*) from gold.signals").code == 0
    doctor = cli("--config", here.config, "doctor")
    assert doctor.code == 2
    assert "FAIL lake: " in doctor.out
    assert hashes(here.lake) == before
    record_property("happened", "run and backfill refused in one line, bars and sql worked, no hash changed")
