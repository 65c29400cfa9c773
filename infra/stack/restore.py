"""`make restore FROM=folder [FORCE=1]`: the volumes of the stack as a backup holds them.

Everything is verified before anything is touched. The archives are unpacked beside what is there, and take
its place only when all of them are whole. The passwords of .secrets hold afterwards, whichever held when the
backup was made: the stores are told of them.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from infra.stack.backup import STORES
from infra.stack.compose import (
    READER,
    WRITER,
    StackError,
    alone,
    compose,
    configuration,
    leave,
    or_told,
    require_no_one_off,
    running,
    say,
    start,
    stop,
    why,
)
from infra.stack.manifest import Manifest, archive_name, verified_manifest
from infra.stack.passwords import apply_passwords, require_secrets

_SPARE: Final = 1.05  # file systems take some space of their own
_BLOCK: Final = 4096  # and a small file, a folder or a link a whole block
_ONE_SHOT: Final = ("run", "--rm", "--no-deps", "--no-TTY")


def restore(folder: Path) -> dict[str, int]:
    """The services that run again; the volumes, empty before, hold what the backup holds.

    Raises:
        StackError: a volume that is not empty, or what else is wrong; says whether anything was changed.
    """
    stack = configuration()
    manifest, found = _examined(folder, stack)
    if full := [name for name, each in found.items() if each["entries"]]:
        raise StackError(
            f"the volumes {', '.join(full)} are not empty; nothing was touched. To replace all that they "
            f"hold: make restore FROM={folder} FORCE=1"
        )
    return _replace(folder, manifest, stack)


def restore_over(folder: Path) -> dict[str, int]:
    """The services that run again; the volumes hold what the backup holds, and nothing of before.

    Raises:
        StackError: what is wrong; says whether anything was changed.
    """
    stack = configuration()
    manifest, _found = _examined(folder, stack)
    return _replace(folder, manifest, stack)


def _examined(folder: Path, stack: Mapping[str, Any]) -> tuple[Manifest, Mapping[str, Mapping[str, int]]]:
    """The manifest of a backup that can be restored here, and what the volumes hold now."""
    manifest = verified_manifest(folder, set(stack["volumes"]))
    say(f"{folder} is whole, and was made at {manifest.made_at}")
    require_no_one_off()
    require_secrets(stack)
    _require_same_images(folder, manifest, stack)
    found = json.loads(compose(*_ONE_SHOT, READER, "look"))
    free = min(each["free_bytes"] for each in found.values())
    if (needed := _needed_bytes(manifest)) > free:
        raise StackError(
            f"{folder} unpacks to {needed:,} bytes beside what is there, and {free:,} are free; nothing was "
            "touched: free space, or remove the old volumes (docker compose down --volumes)"
        )
    return manifest, found


def _needed_bytes(manifest: Manifest) -> int:
    """What the archives take on the disk at most."""
    entries = sum(archive.entries for archive in manifest.volumes.values())
    return int(manifest.content_bytes * _SPARE) + _BLOCK * entries


def _require_same_images(folder: Path, manifest: Manifest, stack: Mapping[str, Any]) -> None:
    here = {name: stack["services"][name]["image"] for name in STORES}
    if manifest.images != here:
        raise StackError(
            f"{folder} was written by {dict(manifest.images)}, here are {here}; nothing was touched: check "
            "out the version of the project that made it, restore, then upgrade"
        )


def _replace(folder: Path, manifest: Manifest, stack: Mapping[str, Any]) -> dict[str, int]:
    ran = running()
    try:
        stop()
        for name, archive in manifest.volumes.items():
            _stage(folder / archive_name(name), name, archive.entries)
    except BaseException as error:
        _leave_as_it_was(manifest, stack, ran, why(error))
        raise
    say("replacing the content of the volumes")
    with or_told("the volumes are replaced in part, and the stack is stopped; repeat it with FORCE=1:"):
        compose(*_ONE_SHOT, WRITER, "swap", *manifest.volumes)
    with or_told("the volumes are replaced, but not all stores know the passwords; repeat it with FORCE=1:"):
        apply_passwords(stack)
    with or_told("the volumes are replaced, but not all that ran before came up again:"):
        if ran:
            start(stack, ran)
        else:
            stop()
    return ran


def _leave_as_it_was(
    manifest: Manifest, stack: Mapping[str, Any], ran: Mapping[str, int], reason: str
) -> None:
    """Drops what was unpacked, and starts what ran; where that fails, too, `reason` is told with it."""
    try:
        compose(*_ONE_SHOT, WRITER, "discard", *manifest.volumes)
    except StackError as error:
        say(f"what was unpacked still takes space, until the next restore: {error}")
    with or_told(f"nothing was changed ({reason}), but not all that ran before came up again:"):
        start(stack, ran)


def _stage(file: Path, volume: str, entries: int) -> None:
    say(f"unpacking {file}")
    with file.open("rb") as source:
        found = json.loads(compose(*_ONE_SHOT, WRITER, "stage", volume, source=source))["entries"]
    if found != entries:
        raise StackError(f"{file}: wanted {entries:,} entries, found {found:,}; nothing was changed")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of a backup: the one with manifest.json")
    parser.add_argument("--force", action="store_true", help="replace what the volumes hold")
    asked = parser.parse_args()
    try:
        with alone():
            ran = (restore_over if asked.force else restore)(asked.folder)
    except StackError as error:
        leave(error, "restore")
    say(f"restored; {'running: ' + ', '.join(ran) if ran else 'start it: docker compose up --wait'}")


if __name__ == "__main__":
    main()
