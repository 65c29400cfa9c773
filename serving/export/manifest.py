"""The manifest of an export; it is written last, so it marks the export as complete."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, BinaryIO

from serving.output.json_text import json_text

MANIFEST_KEY = "_manifest.json"
MANIFEST_TYPE = "application/json"
BYTES_PER_MB = 1_000_000
_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class WrittenObject:
    """An object of the export; `key` is relative to the manifest's folder."""

    key: str
    row_count: int
    size_bytes: int
    sha256: str


@dataclass
class ManifestBuilder:
    """Counts the objects written so far and keeps their lines on disk, as an export can have millions."""

    lines: IO[bytes]
    total_objects: int = 0
    total_rows: int = 0
    total_bytes: int = 0

    @property
    def total_size_mb(self) -> float:
        """The size in MB of 1,000,000 bytes."""
        return round(self.total_bytes / BYTES_PER_MB, 3)

    def add(self, written: WrittenObject) -> None:
        """Adds an object to the counts and the lines."""
        separator = b",\n" if self.total_objects else b"\n"
        self.lines.write(separator + json_text(written).encode())
        self.total_objects += 1
        self.total_rows += written.row_count
        self.total_bytes += written.size_bytes

    def totals(self) -> dict[str, object]:
        """The counts and sizes, by name."""
        return {
            "total_objects": self.total_objects,
            "total_rows": self.total_rows,
            "total_bytes": self.total_bytes,
            "total_size_mb": self.total_size_mb,
        }


@contextmanager
def open_manifest() -> Iterator[ManifestBuilder]:
    """A manifest builder backed by a temporary file, removed on exit."""
    with tempfile.SpooledTemporaryFile(max_size=4 * _BLOCK_BYTES) as lines:
        yield ManifestBuilder(lines)


def write_manifest(head: dict[str, object], manifest: ManifestBuilder, sink: BinaryIO) -> None:
    """Writes one JSON object: the head, the totals, and `objects` in the order they were written.

    It does not contain the time of the export, so that the same export has the same manifest.
    """
    opening = json.dumps(json.loads(json_text({**head, **manifest.totals()})), ensure_ascii=False, indent=1)
    sink.write(opening.removesuffix("\n}").encode() + b',\n "objects": [')
    manifest.lines.seek(0)
    while block := manifest.lines.read(_BLOCK_BYTES):
        sink.write(block)
    sink.write(b"\n]}\n")
