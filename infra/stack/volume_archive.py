"""Archives and restores the stack's volumes inside a container that has them mounted under /volumes.

`look` prints what is in them; `read` writes one to standard output as tar.gz; `stage` unpacks one from
standard input beside the existing content; `swap` replaces the content by what was staged; `discard` deletes
what was staged. backup.py and restore.py start these commands, each with the capabilities that it needs.
"""

import argparse
import gzip
import hashlib
import json
import os
import shutil
import sys
import tarfile
import zlib
from pathlib import Path
from typing import IO, Any, Final

STAGING: Final = ".restore-in-progress"
_CHUNK: Final = 2**20


class ArchiveError(Exception):
    """A volume cannot be read or written; the message names it and the reason."""


class _Counted:
    """Writes bytes to a target and keeps their number and SHA-256."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target, self._sum, self.size = target, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self._target.write(data)
        self._sum.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        self._target.flush()

    @property
    def sha256(self) -> str:
        return self._sum.hexdigest()


def look(folder: Path) -> dict[str, dict[str, int]]:
    """Returns, by volume, the number of its top-level entries and the free bytes of its file system."""
    return {
        each.name: {
            "entries": sum(entry.name != STAGING for entry in each.iterdir()),
            "free_bytes": shutil.disk_usage(each).free,
        }
        for each in sorted(folder.iterdir())
    }


def read(volume: Path, target: IO[bytes], level: int = 1) -> dict[str, Any]:
    """Writes the volume to `target` as tar.gz; returns its SHA-256, size, number of entries and content size.

    `level` is the gzip level, 0 for content that is already compressed. Owners are stored as numbers, because
    the names belong to other containers. Sockets are left out.

    Raises:
        OSError: a file cannot be read; the archive is then incomplete.
    """
    counted = _Counted(target)
    entries = content_bytes = 0

    def note(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        nonlocal entries, content_bytes
        if member.name.split("/")[1:2] == [STAGING]:
            return None
        member.uname = member.gname = ""
        entries, content_bytes = entries + 1, content_bytes + member.size
        _forget_members(archive)
        return member

    with (
        gzip.GzipFile(fileobj=counted, mode="wb", compresslevel=level, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", bufsize=_CHUNK, format=tarfile.PAX_FORMAT) as archive,
    ):
        archive.add(volume, arcname=".", filter=note)
    counted.flush()
    return {
        "sha256": counted.sha256,
        "bytes": counted.size,
        "entries": entries,
        "content_bytes": content_bytes,
    }


def _forget_members(archive: tarfile.TarFile) -> None:
    """Clears the archive's list of members, which nothing reads: a lake has many files."""
    archive.members.clear()  # type: ignore[attr-defined] # typeshed does not know the attribute


def stage(volume: Path, source: IO[bytes]) -> dict[str, int]:
    """Unpacks an archive beside the volume's content, which stays unchanged; returns the number of entries.

    Raises:
        tarfile.TarError, OSError: the source is not an archive, is truncated or has paths outside the volume,
            or the disk is full; everything that was unpacked is removed.
    """
    staging = volume / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    entries = 0

    def count(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        nonlocal entries
        entries += 1
        _forget_members(archive)
        tarfile.tar_filter(member, path)  # refuses paths outside the folder; keeps owner and permissions
        return member

    try:
        with tarfile.open(fileobj=source, mode="r|gz", errorlevel=2) as archive:
            archive.extractall(staging, filter=count, numeric_owner=True)  # noqa: S202 - filtered by `count`
        while source.read(_CHUNK):  # read to the end, or the sender's pipe breaks
            pass
        os.sync()
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return {"entries": entries}


def swap(volume: Path) -> None:
    """Replaces the volume's content with what was staged.

    Raises:
        ArchiveError: nothing was staged.
    """
    staging = volume / STAGING
    if not staging.is_dir():
        raise ArchiveError(f"{volume.name}: nothing was staged")
    for entry in volume.iterdir():
        if entry.name == STAGING:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    for entry in staging.iterdir():
        entry.rename(volume / entry.name)
    root = staging.stat()
    os.chown(volume, root.st_uid, root.st_gid)
    volume.chmod(root.st_mode & 0o7777)
    staging.rmdir()


def discard(volume: Path) -> None:
    """Deletes what was staged, if anything was."""
    shutil.rmtree(volume / STAGING, ignore_errors=True)


def main() -> None:
    """Runs the command; prints JSON to standard output, or to standard error where that has the archive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["look", "read", "stage", "swap", "discard"])
    parser.add_argument("volumes", nargs="*")
    parser.add_argument("--level", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("/volumes"))
    arguments = parser.parse_args()
    try:
        _run(arguments, [arguments.folder / name for name in arguments.volumes])
    except (ArchiveError, OSError, tarfile.TarError, zlib.error, EOFError) as error:
        sys.exit(f"{arguments.command} {' '.join(arguments.volumes)}: {type(error).__name__}: {error}")


def _run(arguments: argparse.Namespace, volumes: list[Path]) -> None:
    if arguments.command == "look":
        sys.stdout.write(json.dumps(look(arguments.folder)) + "\n")
    elif arguments.command == "read":
        sys.stderr.write(json.dumps(read(volumes[0], sys.stdout.buffer, arguments.level)) + "\n")
    elif arguments.command == "stage":
        sys.stdout.write(json.dumps(stage(volumes[0], sys.stdin.buffer)) + "\n")
    else:
        for volume in volumes:
            (swap if arguments.command == "swap" else discard)(volume)


if __name__ == "__main__":
    main()
