"""Chunks of tables in memory, never more than a number of bytes; those longest unused go first.

Written on OrderedDict: cachetools' LRUCache neither counts evictions nor locks, and is no direct dependency.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

import pyarrow as pa

Key = TypeVar("Key", bound=Hashable)

# What a chunk costs beside its values, seen as growth of the process over 10,000 chunks of bars (18 columns)
# of 1, 50 and 390 rows: 23, 29 and 88 kB each, where the values alone are 0.2, 7 and 55 kB.
_BYTES_PER_COLUMN = 1_200
_BYTES_PER_CHUNK = 2_000
_ALLOCATED_OF_VALUES = 1.2


@dataclass(frozen=True)
class CacheMetrics:
    """How the cache has done since the reader was opened; a hit or a miss is one chunk asked for.

    `oversized` chunks were larger than the whole limit: answered, not kept.
    """

    hits: int
    misses: int
    evictions: int
    oversized: int
    chunks_held: int
    bytes_held: int
    bytes_limit: int

    @property
    def hit_rate(self) -> float:
        """Hits as a share of all chunks asked for, 0 to 1; 0 before the first."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


class ChunkCache:
    """Tables by key, for any number of threads."""

    def __init__(self, bytes_limit: int) -> None:
        """Holds at most `bytes_limit` bytes; 0 keeps nothing."""
        self._limit = bytes_limit
        self._lock = Lock()
        self._chunks: OrderedDict[Hashable, tuple[pa.Table, int]] = OrderedDict()
        self._held = self._hits = self._misses = self._evictions = self._oversized = 0

    def get_many(self, keys: Iterable[Key]) -> dict[Key, pa.Table]:
        """Those of the chunks that are held; each key counts as a hit or a miss."""
        wanted = list(keys)
        with self._lock:
            found = self._found(wanted)
            self._hits += len(found)
            self._misses += len(wanted) - len(found)
        return found

    def peek_many(self, keys: Iterable[Key]) -> dict[Key, pa.Table]:
        """Those of the chunks that are held; nothing is counted."""
        with self._lock:
            return self._found(keys)

    def put_many(self, chunks: Mapping[Key, pa.Table]) -> None:
        """Keeps the chunks, and lets go of those longest unused until all fit."""
        sized = {key: (chunk, size_of(chunk)) for key, chunk in chunks.items()}
        with self._lock:
            for key, (chunk, size) in sized.items():
                self._put(key, chunk, size)

    def metrics(self) -> CacheMetrics:
        """How the cache has done so far."""
        with self._lock:
            return CacheMetrics(
                self._hits,
                self._misses,
                self._evictions,
                self._oversized,
                len(self._chunks),
                self._held,
                self._limit,
            )

    def _found(self, keys: Iterable[Key]) -> dict[Key, pa.Table]:
        found = {}
        for key in keys:
            if key in self._chunks:
                self._chunks.move_to_end(key)
                found[key] = self._chunks[key][0]
        return found

    def _put(self, key: Hashable, chunk: pa.Table, size: int) -> None:
        self._held -= self._chunks.pop(key, (None, 0))[1]
        if size > self._limit:
            self._oversized += 1
            return
        while self._held + size > self._limit:
            _, (_, freed) = self._chunks.popitem(last=False)
            self._held -= freed
            self._evictions += 1
        self._chunks[key] = (chunk, size)
        self._held += size


def size_of(chunk: pa.Table) -> int:
    """What a chunk takes in memory, bytes: its buffers and what Python and Arrow keep about them."""
    values: int = chunk.nbytes
    columns: int = chunk.num_columns
    return round(values * _ALLOCATED_OF_VALUES) + _BYTES_PER_COLUMN * columns + _BYTES_PER_CHUNK
