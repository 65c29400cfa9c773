"""Lines of a landed flat file by position, found in one pass through the file."""

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO

from pyarrow import ArrowInvalid, fs

from delta_tables.storage.lake import Lake, LakeError

# serving may not import jobs, which builds the positions from the same columns; a test compares both.
POSITION_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "trades_v1": ("ticker", "sequence_number", "exchange", "id"),
    "quotes_v1": ("ticker", "sequence_number", "sip_timestamp"),
    "minute_aggs_v1": ("ticker", "window_start"),
    "day_aggs_v1": ("ticker", "window_start"),
}
_READ_BYTES = 1024 * 1024


@dataclass(frozen=True)
class FileLines:
    """The SHA-256 of a file's bytes, and the line at each position that it has."""

    sha256: str
    lines: Mapping[str, str]


def read_lines(lake: Lake, path: str, dataset: str, positions: Iterable[str]) -> FileLines | None:
    """The lines at the positions of the file at `path` in the lake; None if its bytes were deleted.

    The file is read line by line, so that memory does not grow with it. If several lines have the same
    position, the first is returned. A file that is truncated or not gzip gives the lines before the damage.

    Raises:
        LakeError: the store cannot be read.
    """
    store, root = lake.file_system()
    location = f"{root}/{path}"
    try:
        if store.get_file_info(location).type != fs.FileType.File:
            return None
        # Without compression=None Arrow would decompress a file whose name ends in .gz.
        with store.open_input_stream(location, compression=None) as stream:
            hashed = _HashedStream(stream)
            lines = dict(_matching_lines(hashed, POSITION_COLUMNS.get(dataset, ()), frozenset(positions)))
            while hashed.read(_READ_BYTES):
                pass
    except (OSError, ArrowInvalid) as error:
        raise LakeError(
            f"{path} cannot be read in {lake.root} ({error}); check the store and its permissions"
        ) from None
    return FileLines(hashed.digest.hexdigest(), lines)


class _HashedStream(io.RawIOBase):
    """A stream that hashes the bytes read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # narrower than typeshed's
        data = self._stream.read(len(buffer))
        self.digest.update(data)
        buffer[: len(data)] = data
        return len(data)


def _matching_lines(
    stream: io.RawIOBase, names: tuple[str, ...], positions: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """The positions that the file has, each with its line; stops once all are found."""
    remaining = {position: position.split("/")[:2] for position in positions}
    lines = _lines(stream)
    header = next(csv.reader([next(lines, "")]), [])
    if not names or any(name not in header for name in names):
        return
    indices = [header.index(name) for name in names]
    for line in lines:
        if not remaining:
            return
        # most lines contain neither the ticker nor the number: only the others are parsed
        if any(all(part in line for part in parts) for parts in remaining.values()):
            cells = next(csv.reader([line]), [])
            position = "/".join(cells[index] for index in indices) if len(cells) == len(header) else ""
            if remaining.pop(position, None):
                yield position, line


def _lines(stream: io.RawIOBase) -> Iterator[str]:
    decompressed = gzip.GzipFile(fileobj=io.BufferedReader(stream, _READ_BYTES))
    try:
        for line in io.TextIOWrapper(decompressed, encoding="utf-8", errors="replace", newline=""):
            yield line.rstrip("\r\n")
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return
