"""`make backup [TO=folder]`: archives all volumes of the stack while nothing runs.

The running services are stopped, and started again at the end, also after an error. `TO/<UTC time>/` gets one
tar.gz per volume and finally manifest.json with their SHA-256; a folder without a manifest is not a backup.
The archives contain everything in the volumes, also the object store's users and keys: keep them private.
"""

import argparse
import json
import os
import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from infra.stack.compose import (
    READER,
    StackError,
    compose,
    compose_to,
    configuration,
    exclusive_access,
    exit_with_error,
    print_progress,
    reason_of,
    require_no_one_off,
    running,
    start,
    stop,
)
from infra.stack.manifest import FORMAT, MANIFEST, archive_name, sha256_of

STORES: Final = ("minio", "postgres")  # a restore requires the same images of these services
_LEVELS: Final = {
    "minio": "0"
}  # gzip levels; a lake's files are already compressed, and level 1 takes ten times as long
_TAIL: Final = 300
_ONE_SHOT: Final = ("run", "--rm", "--no-deps", "--no-TTY", READER)


def back_up(to: Path, now: datetime) -> Path:
    """Returns the folder of a new, complete backup in `to`, after the services were started again.

    Raises:
        StackError: the backup failed and its folder was removed; or it is complete, but the services did not
            start again.
    """
    stack = configuration()
    volumes = sorted(stack["volumes"])
    require_no_one_off()
    _require_content(volumes)
    folder = _new_folder(to, now)
    ran_before = running()
    try:
        _fill(folder, now, stack, volumes)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        _start_again(stack, ran_before, f"there is no backup ({reason_of(error)})")
        raise
    _start_again(stack, ran_before, f"{folder} is complete")
    return folder


def _fill(folder: Path, now: datetime, stack: Mapping[str, Any], volumes: list[str]) -> None:
    stop()
    archives = {name: _archive(name, folder) for name in volumes}
    require_no_one_off()
    if busy := running():
        raise StackError(
            f"{', '.join(busy)} started during the backup, so its archives may be inconsistent; repeat it"
        )
    _write_manifest(folder, now, stack, archives)


def _start_again(stack: Mapping[str, Any], ran_before: Mapping[str, int], done: str) -> None:
    try:
        start(stack, ran_before)
    except StackError as error:
        raise StackError(f"{done}, but some services did not come back up: {error}") from None


def _require_content(volumes: list[str]) -> None:
    found = json.loads(compose(*_ONE_SHOT, "look"))
    if empty := [name for name in volumes if not found[name]["entries"]]:
        raise StackError(
            f"the volumes {', '.join(empty)} are empty: there is nothing to back up before the first start"
        )


def _new_folder(to: Path, now: datetime) -> Path:
    folder = to / f"{now:%Y%m%dT%H%M%SZ}"
    try:
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise StackError(f"{folder}: {error.strerror}; choose another folder: make backup TO=...") from None
    return folder


def _archive(volume: str, folder: Path) -> dict[str, Any]:
    """Writes and verifies the volume's archive; returns its entry in the manifest."""
    file = folder / archive_name(volume)
    began = time.monotonic()
    try:
        with file.open("xb") as target:
            stderr_text = compose_to(target, *_ONE_SHOT, "read", volume, "--level", _LEVELS.get(volume, "1"))
            os.fsync(target.fileno())
    except OSError as error:
        raise StackError(f"{file}: {error.strerror}; free some space, or choose another folder") from None
    sent = _checksum_of(stderr_text, file)
    if (sent["sha256"], sent["bytes"]) != (sha256_of(file), file.stat().st_size):
        raise StackError(
            f"{file}: the file differs from the {sent['bytes']:,} bytes that were sent; repeat the backup"
        )
    seconds = time.monotonic() - began
    print_progress(f"{volume}: {sent['entries']:,} entries, {sent['bytes']:,} bytes in {seconds:.1f} s")
    return sent


def _checksum_of(stderr_text: str, file: Path) -> dict[str, Any]:
    last = (stderr_text.strip().splitlines() or [""])[-1]
    try:
        found: dict[str, Any] = json.loads(last)
    except ValueError:
        raise StackError(
            f"{file}: expected the checksum of the archive, found {last[-_TAIL:]!r}; repeat the backup"
        ) from None
    return found


def _write_manifest(
    folder: Path, now: datetime, stack: Mapping[str, Any], archives: Mapping[str, dict[str, Any]]
) -> None:
    images = {name: stack["services"][name]["image"] for name in STORES}
    content = {"format": FORMAT, "made_at": now.isoformat(), "images": images, "volumes": dict(archives)}
    part = folder / f"{MANIFEST}.part"
    with part.open("x", encoding="utf-8") as target:
        target.write(json.dumps(content, indent=2) + "\n")
        target.flush()
        os.fsync(target.fileno())
    part.rename(folder / MANIFEST)


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=Path("backup"))
    to = parser.parse_args().to
    os.umask(0o077)
    try:
        with exclusive_access():
            folder = back_up(to, datetime.now(UTC))
    except StackError as error:
        exit_with_error(error, "backup")
    print_progress(f"{folder} is complete; restore it with: make restore FROM={folder}")


if __name__ == "__main__":
    main()
