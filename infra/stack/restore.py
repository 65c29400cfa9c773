"""`make restore FROM=folder [FORCE=1]`: restores the stack's volumes from a backup.

Everything is verified before anything changes. The archives are unpacked beside the existing content, and
replace it only when all of them are complete. Afterwards the stores have the passwords in .secrets, whichever
they had when the backup was made.
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
    compose,
    configuration,
    exclusive_access,
    exit_with_error,
    print_progress,
    reason_of,
    require_no_one_off,
    running,
    start,
    stop,
    with_state,
)
from infra.stack.manifest import Manifest, archive_name, verified_manifest
from infra.stack.passwords import apply_passwords, require_secrets

_SPARE: Final = 1.05  # for the file system's own data
_BLOCK: Final = 4096  # a small file, a folder or a link takes a whole block
_ONE_SHOT: Final = ("run", "--rm", "--no-deps", "--no-TTY")


def restore(folder: Path) -> dict[str, int]:
    """Restores a backup into empty volumes; returns the services that were started again.

    Raises:
        StackError: a volume is not empty, or the restore failed; the message says whether anything changed.
    """
    stack = configuration()
    manifest, found = _examined(folder, stack)
    if full := [name for name, each in found.items() if each["entries"]]:
        raise StackError(
            f"the volumes {', '.join(full)} are not empty; nothing was changed. To replace all their "
            f"content: make restore FROM={folder} FORCE=1"
        )
    return _replace(folder, manifest, stack)


def restore_over(folder: Path) -> dict[str, int]:
    """Replaces the content of the volumes with a backup; returns the services that were started again.

    Raises:
        StackError: the restore failed; the message says whether anything changed.
    """
    stack = configuration()
    manifest, _found = _examined(folder, stack)
    return _replace(folder, manifest, stack)


def _examined(folder: Path, stack: Mapping[str, Any]) -> tuple[Manifest, Mapping[str, Mapping[str, int]]]:
    """Returns the manifest of a backup that can be restored here, and the current state of the volumes."""
    manifest = verified_manifest(folder, set(stack["volumes"]))
    print_progress(f"{folder} is complete; it was made at {manifest.made_at}")
    require_no_one_off()
    require_secrets(stack)
    _require_same_images(folder, manifest, stack)
    found = json.loads(compose(*_ONE_SHOT, READER, "look"))
    free = min(each["free_bytes"] for each in found.values())
    if (needed := _needed_bytes(manifest)) > free:
        raise StackError(
            f"{folder} needs {needed:,} bytes beside the existing content, and {free:,} are free; nothing "
            "was changed: free some space, or remove the old volumes (docker compose down --volumes)"
        )
    return manifest, found


def _needed_bytes(manifest: Manifest) -> int:
    """Returns the most disk space that the unpacked archives take."""
    entries = sum(archive.entries for archive in manifest.volumes.values())
    return int(manifest.content_bytes * _SPARE) + _BLOCK * entries


def _require_same_images(folder: Path, manifest: Manifest, stack: Mapping[str, Any]) -> None:
    here = {name: stack["services"][name]["image"] for name in STORES}
    if manifest.images != here:
        raise StackError(
            f"{folder} was written by {dict(manifest.images)}, this stack has {here}; nothing was changed: "
            "check out the version of the project that made the backup, restore it, then upgrade"
        )


def _replace(folder: Path, manifest: Manifest, stack: Mapping[str, Any]) -> dict[str, int]:
    ran = running()
    try:
        stop()
        for name, archive in manifest.volumes.items():
            _stage(folder / archive_name(name), name, archive.entries)
    except BaseException as error:
        _leave_as_it_was(manifest, stack, ran, reason_of(error))
        raise
    print_progress("replacing the content of the volumes")
    with with_state(
        "only some volumes are replaced, and the stack is stopped; repeat the restore with FORCE=1:"
    ):
        compose(*_ONE_SHOT, WRITER, "swap", *manifest.volumes)
    with with_state(
        "the volumes are replaced, but not all stores have the passwords of .secrets; repeat it with FORCE=1:"
    ):
        apply_passwords(stack)
    with with_state("the volumes are replaced, but some services did not come back up:"):
        if ran:
            start(stack, ran)
        else:
            stop()
    return ran


def _leave_as_it_was(
    manifest: Manifest, stack: Mapping[str, Any], ran: Mapping[str, int], reason: str
) -> None:
    """Deletes what was unpacked and starts the services that ran; an error of that includes `reason`."""
    try:
        compose(*_ONE_SHOT, WRITER, "discard", *manifest.volumes)
    except StackError as error:
        print_progress(
            f"the unpacked files could not be removed and take space until the next restore: {error}"
        )
    with with_state(f"nothing was changed ({reason}), but some services did not come back up:"):
        start(stack, ran)


def _stage(file: Path, volume: str, entries: int) -> None:
    print_progress(f"unpacking {file}")
    with file.open("rb") as source:
        found = json.loads(compose(*_ONE_SHOT, WRITER, "stage", volume, source=source))["entries"]
    if found != entries:
        raise StackError(
            f"{file}: the manifest lists {entries:,} entries, the archive has {found:,}; nothing was changed"
        )


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the backup's folder, with its manifest.json")
    parser.add_argument("--force", action="store_true", help="replace the content of the volumes")
    arguments = parser.parse_args()
    try:
        with exclusive_access():
            ran = (restore_over if arguments.force else restore)(arguments.folder)
    except StackError as error:
        exit_with_error(error, "restore")
    print_progress(
        f"restored; {'running: ' + ', '.join(ran) if ran else 'start the stack: docker compose up --wait'}"
    )


if __name__ == "__main__":
    main()
