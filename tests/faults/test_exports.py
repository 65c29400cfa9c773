"""Exports into one folder, several at once and killed at any moment: what is left is true and clean."""

import hashlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from delta_tables.storage.lake import Lake
from tests.builders.export_lake import many_bars

Record = Callable[[str, object], None]
ROOT = Path(__file__).resolve().parents[2]
SYMBOLS, SESSIONS, KILLS = 40, 5, 8


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return many_bars(Lake(str(tmp_path_factory.mktemp("lake") / "lake")), SYMBOLS, SESSIONS, 20)


def start_export(lake: Lake, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    command = ("-m", "flows.cli.entry_point", "export", "intraday", "--to", str(folder), *options)
    environment = {"LAKEHOUSE_LAKE": lake.root, "PATH": "/usr/bin:/bin", "HOME": str(folder.parent)}
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def checked_objects(folder: Path) -> int:
    """The number of objects in the manifest, all of which are as it says; nothing else is in the folder."""
    listed = json.loads((folder / "_manifest.json").read_text())["objects"]
    for entry in listed:
        assert hashlib.sha256((folder / entry["key"]).read_bytes()).hexdigest() == entry["sha256"]
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {entry["key"] for entry in listed} | {"_manifest.json"}
    return len(listed)


def test_exports_at_once_into_one_folder(many: Lake, tmp_path: Path, record_property: Record) -> None:
    everything, some = (), ("--symbols", "S001,S002", "--replace")
    both = (everything, some, everything, some)
    processes = [start_export(many, tmp_path / "out", *options) for options in both]
    assert [process.wait(120) for process in processes] == [0, 0, 0, 0]
    assert start_export(many, tmp_path / "out", "--replace").wait(120) == 0
    objects = checked_objects(tmp_path / "out/intraday")
    assert objects == SYMBOLS * SESSIONS
    record_property("happened", f"4 exports took turns; {objects} objects equal the manifest, no .part file")


def test_killed_exports(many: Lake, tmp_path: Path, record_property: Record) -> None:
    folder, chance, leftovers = tmp_path / "out/intraday", random.Random(14), 0
    for _ in range(KILLS):
        process = start_export(many, tmp_path / "out")
        deadline = time.monotonic() + 60
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.csv")}
        while process.poll() is None and time.monotonic() < deadline:
            if any(before.get(path) != path.stat().st_mtime_ns for path in folder.rglob("*.csv")):
                break
        time.sleep(chance.uniform(0, 0.05))
        process.kill()
        process.wait(60)
        leftovers += len(list(folder.rglob("*.part")))
    assert start_export(many, tmp_path / "out").wait(120) == 0
    objects = checked_objects(folder)
    assert objects == SYMBOLS * SESSIONS
    record_property(
        "happened",
        f"{KILLS} kills left {leftovers} .part files; the next export removed them; {objects} objects right",
    )
