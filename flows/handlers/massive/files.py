"""A flat file: its name, its versions in the provider's store, and whether ours is whole."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote

_CHUNK_BYTES: Final = 1024 * 1024
_LONGEST_HEADER: Final = 64 * 1024
_SHOWN_ETAG_CHARS: Final = 100
_FIRST_COLUMN: Final = b"ticker"


@dataclass(frozen=True)
class RemoteFile:
    """One version of one day's file in the store, as a HEAD describes it; `etag` is without its quotes."""

    dataset: str
    day: date
    key: str
    etag: str
    size_bytes: int
    last_modified: datetime
    is_simulated: bool = False


@dataclass(frozen=True)
class ReceivedFile:
    """A version that lies whole at `path`; `sha256` is of its bytes as received, in hex."""

    remote: RemoteFile
    path: Path
    sha256: str
    fetched_at: datetime


class BrokenFileError(Exception):
    """The bytes are not a whole flat file; says why."""


def file_key(dataset: str, day: date) -> str:
    """The file's key in the store (https://massive.com/docs/flat-files/quickstart)."""
    return f"us_stocks_sip/{dataset}/{day:%Y/%m/%Y-%m-%d}.csv.gz"


def whole_path(folder: Path, remote: RemoteFile) -> Path:
    """Where this version lies once it is whole: its ETag is part of the name."""
    return folder / f"{remote.dataset}.{remote.day}.{_etag_name(remote)}.csv.gz"


def part_path(folder: Path, remote: RemoteFile) -> Path:
    """Where this version grows: a part of another version has another name, and is never continued."""
    return folder / f"{remote.dataset}.{remote.day}.{_etag_name(remote)}.part"


def lock_path(folder: Path, remote: RemoteFile) -> Path:
    """What a process holds while it downloads this day's file."""
    return folder / f"{remote.dataset}.{remote.day}.lock"


def drop_other_versions(folder: Path, remote: RemoteFile) -> None:
    """Removes what was received of the day's other versions."""
    kept = {path.name for path in (whole_path(folder, remote), part_path(folder, remote))}
    for suffix in ("part", "csv.gz"):
        for path in folder.glob(f"{remote.dataset}.{remote.day}.*.{suffix}"):
            if path.name not in kept:
                path.unlink(missing_ok=True)


def checked_sha256(path: Path) -> str:
    """The SHA-256 in hex of a file that is whole: gzip to its end, checksums right, a CSV with tickers.

    The bytes are read once, a mebibyte at a time, however large they are.

    Raises:
        BrokenFileError: the file is cut, is no gzip, or holds something else.
    """
    with path.open("rb") as raw:
        source = _HashedReader(raw)
        try:
            with gzip.GzipFile(fileobj=source, mode="rb") as text:  # type: ignore[call-overload]  # needs read() only
                header = text.readline(_LONGEST_HEADER)
                while text.read(_CHUNK_BYTES):
                    pass
        except EOFError:
            raise BrokenFileError("a gzip file that ends too early") from None
        except (gzip.BadGzipFile, zlib.error):
            raise BrokenFileError("bytes that are no gzip file, or a damaged one") from None
    if _FIRST_COLUMN not in header.strip().split(b","):
        raise BrokenFileError("a gzip file without the column ticker")
    return source.digest.hexdigest()


class _HashedReader:
    """A stream that hashes what is read from it; read to its end, it has hashed the file."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._raw.read(size)
        self.digest.update(data)
        return data


def _etag_name(remote: RemoteFile) -> str:
    return quote(remote.etag, safe="")[:_SHOWN_ETAG_CHARS]
