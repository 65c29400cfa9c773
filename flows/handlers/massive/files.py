"""Flat files: their names, their versions in the provider's store, and whether a download is whole."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from datetime import date
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote

from flows.handlers.models import RemoteFile

PROVIDER: Final = "massive"
DATASETS: Final = ("trades_v1", "quotes_v1", "minute_aggs_v1", "day_aggs_v1")
ALL_TICKERS: Final = "ALL"

_CHUNK_BYTES: Final = 1024 * 1024
_MAX_HEADER_BYTES: Final = 64 * 1024
_MAX_ETAG_CHARS: Final = 100
_FIRST_COLUMN: Final = b"ticker"


class BrokenFileError(Exception):
    """The bytes are not a whole flat file; the message says why."""


def file_key(dataset: str, day: date) -> str:
    """The file's key in the store (https://massive.com/docs/flat-files/quickstart)."""
    return f"us_stocks_sip/{dataset}/{day:%Y/%m/%Y-%m-%d}.csv.gz"


def whole_path(folder: Path, remote: RemoteFile) -> Path:
    """The path of this version once it is complete; its ETag is part of the name."""
    return folder / f"{remote.dataset}.{remote.day}.{_etag_name(remote)}.csv.gz"


def part_path(folder: Path, remote: RemoteFile) -> Path:
    """The path of this version while it is received; a part of another version has another name."""
    return folder / f"{remote.dataset}.{remote.day}.{_etag_name(remote)}.part"


def lock_path(folder: Path, remote: RemoteFile) -> Path:
    """The lock file that a process holds while it downloads this day's file."""
    return folder / f"{remote.dataset}.{remote.day}.lock"


def drop_other_versions(folder: Path, remote: RemoteFile) -> None:
    """Deletes what was received of the day's other versions."""
    kept = {path.name for path in (whole_path(folder, remote), part_path(folder, remote))}
    for suffix in ("part", "csv.gz"):
        for path in folder.glob(f"{remote.dataset}.{remote.day}.*.{suffix}"):
            if path.name not in kept:
                path.unlink(missing_ok=True)


def checked_sha256(path: Path) -> str:
    """The SHA-256 in hex of a whole file: complete gzip with valid checksums, and a CSV with tickers.

    The bytes are read once, one mebibyte at a time.

    Raises:
        BrokenFileError: the file is truncated or not gzip, has a line longer than a mebibyte, or is another
            kind of file.
    """
    with path.open("rb") as raw:
        source = _HashedReader(raw)
        try:
            with gzip.GzipFile(fileobj=source, mode="rb") as text:  # type: ignore[call-overload]  # needs read() only
                header = text.readline(_MAX_HEADER_BYTES)
                while chunk := text.read(_CHUNK_BYTES):
                    # a line of more bytes would be held in memory by the engine as a whole
                    if len(chunk) == _CHUNK_BYTES and b"\n" not in chunk:
                        raise BrokenFileError(f"a line of more than {_CHUNK_BYTES} bytes")
        except EOFError:
            raise BrokenFileError("a gzip file that ends too early") from None
        except (gzip.BadGzipFile, zlib.error):
            raise BrokenFileError("bytes that are not a gzip file, or a damaged one") from None
    if _FIRST_COLUMN not in header.strip().split(b","):
        raise BrokenFileError("a gzip file without the column ticker")
    return source.digest.hexdigest()


class _HashedReader:
    """A stream that hashes the bytes read from it; once read to its end, it has hashed the file."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._raw.read(size)
        self.digest.update(data)
        return data


def _etag_name(remote: RemoteFile) -> str:
    return quote(remote.etag, safe="")[:_MAX_ETAG_CHARS]
