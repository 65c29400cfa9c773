"""The lines of a landed flat file that positions name, found in one pass through it."""

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

# serving may not import jobs: what a position is made of is said there too, and a test holds both equal
POSITION_OF: Mapping[str, tuple[str, ...]] = {
    "trades_v1": ("ticker", "sequence_number", "exchange", "id"),
    "quotes_v1": ("ticker", "sequence_number", "sip_timestamp"),
    "minute_aggs_v1": ("ticker", "window_start"),
    "day_aggs_v1": ("ticker", "window_start"),
}
_READ_BYTES = 1024 * 1024


@dataclass(frozen=True)
class FileLines:
    """What a file has: the SHA-256 of its bytes, and the line at each position that is there."""

    sha256: str
    lines: Mapping[str, str]


def read_lines(lake: Lake, path: str, dataset: str, positions: Iterable[str]) -> FileLines | None:
    """The lines of the file at `path` below the lake's root; None where its bytes are no longer there.

    Read line by line, so that memory does not grow with the file. Of several lines at a position the first.
    A file that ends early, or that is no gzip, has the lines before that.

    Raises:
        LakeError: the store cannot be read.
    """
    store, root = lake.file_system()
    place = f"{root}/{path}"
    try:
        if store.get_file_info(place).type != fs.FileType.File:
            return None
        # Without compression=None a name that ends with .gz makes Arrow unpack the bytes.
        with store.open_input_stream(place, compression=None) as stream:
            received = _Received(stream)
            lines = dict(_found(received, POSITION_OF.get(dataset, ()), frozenset(positions)))
            while received.read(_READ_BYTES):
                pass
    except (OSError, ArrowInvalid) as error:
        raise LakeError(
            f"{path}: cannot be read in {lake.root} ({error}); check the store and its rights"
        ) from None
    return FileLines(received.digest.hexdigest(), lines)


class _Received(io.RawIOBase):
    """A stream that remembers the hash of what has been read of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        found = self._stream.read(len(buffer))
        self.digest.update(found)
        buffer[: len(found)] = found
        return len(found)


def _found(
    received: io.RawIOBase, names: tuple[str, ...], positions: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Each position that is there, and its line; stops when none is left to be found."""
    wanted = {position: position.split("/")[:2] for position in positions}
    lines = _lines(received)
    header = next(csv.reader([next(lines, "")]), [])
    if not names or any(name not in header for name in names):
        return
    places = [header.index(name) for name in names]
    for line in lines:
        if not wanted:
            return
        # most lines have neither the ticker nor the number: only the others are worth taking apart
        if any(all(part in line for part in parts) for parts in wanted.values()):
            cells = next(csv.reader([line]), [])
            position = "/".join(cells[place] for place in places) if len(cells) == len(header) else ""
            if wanted.pop(position, None):
                yield position, line


def _lines(received: io.RawIOBase) -> Iterator[str]:
    unpacked = gzip.GzipFile(fileobj=io.BufferedReader(received, _READ_BYTES))
    try:
        for line in io.TextIOWrapper(unpacked, encoding="utf-8", errors="replace", newline=""):
            yield line.rstrip("\r\n")
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return
