"""Interrupted commands: each must end at once, and its rerun must give the lake of an undisturbed run."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from delta_tables.storage.lake import Lake
from tests.builders.installation import Installation
from tests.builders.lakes import hashes
from tests.builders.processes import Command, start_still_command

INTERRUPTED = "lakehouse: interrupted; what has landed is kept, run the command again to continue\n"
END_SECONDS = 5.0
EXPORT = "exported"


@dataclass(frozen=True)
class Work:
    """A command, and the lake that it starts from: a copy of a filled one.

    `removed` are the copy's folders that are deleted first, for the command to fill.
    """

    words: tuple[str, ...]
    removed: tuple[str, ...] = ()


WORKS = {
    "run": Work(("run",), (".",)),
    "build": Work(("build",), ("silver", "gold")),
    "replay": Work(("replay",)),
    "maintain": Work(("maintain",)),
    "export": Work(("export", "silver.bars", "--to", EXPORT)),
}


def prepare(here: Installation, filled: Path, work: Work) -> None:
    """Copies the filled lake, without the folders that the command is to fill."""
    shutil.rmtree(here.folder / EXPORT, ignore_errors=True)
    shutil.rmtree(here.lake.root, ignore_errors=True)
    shutil.copytree(filled, here.lake.root)
    for folder in work.removed:
        shutil.rmtree(Path(here.lake.root) / folder)


def require_interrupted(command: Command, moment: str) -> None:
    """Interrupts the command; fails unless it ends at once, with one line and no process left."""
    assert interrupt(command, moment) == 130, moment


def interrupt(command: Command, moment: str) -> int:
    """Interrupts the command and returns its exit code: 130, or 0 if it had already done all its work.

    Fails unless it ends at once, with one line or none, and no process left.
    """
    began = time.monotonic()
    command.interrupt()
    ended = command.ended(60)
    seconds = time.monotonic() - began
    assert (ended.code, ended.error) in {(130, INTERRUPTED), (0, "")}, f"{moment}: {ended}"
    assert seconds < END_SECONDS, f"{moment}: ended after {seconds:.1f} s"
    assert command.processes_left() == [], moment
    return ended.code


def require_clean_rerun(here: Installation, filled: Path, work: Work, moment: str) -> None:
    """Runs the command again; fails unless the lake, or the export, is that of an undisturbed command."""
    ended = start_still_command(here, *work.words).ended()
    assert (ended.code, ended.error) == (0, ""), f"{moment}: {ended}"
    assert hashes(here.lake) == hashes(Lake(str(filled))), moment
    if work is WORKS["export"]:
        require_whole_export(here.folder / EXPORT, moment)


def require_whole_export(folder: Path, moment: str) -> None:
    """Fails unless the folder holds exactly the files of its manifest, each with its digest.

    A writer that was ended in the middle of a file may leave its hidden `.part` (ExportTarget.put).
    """
    (manifest,) = folder.rglob("_manifest.json")
    listed = {entry["key"]: entry["sha256"] for entry in json.loads(manifest.read_text())["objects"]}
    found = {
        str(file.relative_to(manifest.parent)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in manifest.parent.rglob("*")
        if file.is_file() and file != manifest and file.suffix != ".part"
    }
    assert found == listed, moment


def new_files(folder: Path, pattern: str) -> Callable[[], bool]:
    """Returns a function that says whether the folder has new files of this pattern."""
    before = set(folder.glob(pattern))
    return lambda: bool(set(folder.glob(pattern)) - before)
