"""The manifest of a backup, and the verification of the archives beside it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from infra.stack.compose import StackError

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"


@dataclass(frozen=True)
class Archive:
    """One volume's archive: `content_bytes` is its unpacked size, `entries` counts its files and folders."""

    sha256: str
    bytes: int
    entries: int
    content_bytes: int


@dataclass(frozen=True)
class Manifest:
    """A backup's manifest: the images of the stores that wrote the volumes, and one archive per volume."""

    made_at: str
    images: Mapping[str, str]
    volumes: Mapping[str, Archive]

    @property
    def content_bytes(self) -> int:
        """The unpacked size of all archives."""
        return sum(archive.content_bytes for archive in self.volumes.values())


def archive_name(volume: str) -> str:
    """Returns the file name of a volume's archive."""
    return f"{volume}.tar.gz"


def sha256_of(file: Path) -> str:
    """Returns the SHA-256 of a file's bytes, in hex."""
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def verified_manifest(folder: Path, volumes: set[str]) -> Manifest:
    """Returns the manifest of a backup of these volumes, after verifying every archive.

    Raises:
        StackError: the folder is not a backup or one of other volumes, or an archive is missing or damaged.
    """
    manifest = _manifest(folder)
    if set(found := manifest.volumes) != volumes:
        raise StackError(
            f"{folder}: expected archives of {', '.join(sorted(volumes))}, found {', '.join(found)}; "
            "nothing was changed: check out the version of the project that made the backup"
        )
    for name, archive in found.items():
        _require_whole(folder / archive_name(name), archive)
    return manifest


def _manifest(folder: Path) -> Manifest:
    file = folder / MANIFEST
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise StackError(f"{file}: expected format {FORMAT}, found {content['format']}")
        volumes = {name: Archive(**each) for name, each in content["volumes"].items()}
        return Manifest(content["made_at"], content["images"], volumes)
    except OSError as error:
        raise StackError(
            f"{file}: {error.strerror}; an interrupted backup has no manifest and cannot be restored"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StackError(f"{file}: not the manifest of a backup ({type(error).__name__}: {error})") from None


def _require_whole(file: Path, archive: Archive) -> None:
    try:
        found = (file.stat().st_size, sha256_of(file))
    except OSError as error:
        raise StackError(f"{file}: {error.strerror}; nothing was changed") from None
    if found != (archive.bytes, archive.sha256):
        raise StackError(
            f"{file}: expected {archive.bytes:,} bytes with SHA-256 {archive.sha256}, found {found[0]:,} "
            f"with {found[1]}: it is damaged or was modified; nothing was changed, use another backup"
        )
