"""Chunks of tables in memory, bounded in bytes: the least recently used chunks are evicted first."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

import pyarrow as pa
from cachetools import LRUCache

Key = TypeVar("Key", bound=Hashable)

# The cost of a chunk beside its values, measured as growth of the process over 10,000 chunks of bars
# (18 columns) of 1, 50 and 390 rows: 23, 29 and 88 kB each, while the values take 0.2, 7 and 55 kB.
_BYTES_PER_COLUMN = 1_200
_BYTES_PER_CHUNK = 2_000
_ALLOCATED_PER_VALUE_BYTE = 1.2


@dataclass(frozen=True)
class CacheMetrics:
    """Counts since the reader was opened; each requested chunk is one hit or one miss.

    `oversized` chunks were larger than the whole limit: they were returned but not kept.
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
        """Hits as a share of all requested chunks, 0 to 1; 0 before the first request."""
        requested = self.hits + self.misses
        return self.hits / requested if requested else 0.0


class _CountingCache(LRUCache[Hashable, pa.Table]):
    """An LRU cache that counts its evictions."""

    evictions = 0

    def popitem(self) -> tuple[Hashable, pa.Table]:
        self.evictions += 1
        return super().popitem()


class ChunkCache:
    """Tables by key; safe to use from any number of threads."""

    def __init__(self, bytes_limit: int) -> None:
        """Holds at most `bytes_limit` bytes; with 0 it keeps nothing."""
        self._lock = Lock()
        self._chunks = _CountingCache(bytes_limit, getsizeof=size_of)
        self._hits = self._misses = self._oversized = 0

    def get_many(self, keys: Iterable[Key]) -> dict[Key, pa.Table]:
        """The cached chunks among `keys`; each key counts as a hit or a miss."""
        requested = list(keys)
        with self._lock:
            cached = self._cached(requested)
            self._hits += len(cached)
            self._misses += len(requested) - len(cached)
        return cached

    def peek_many(self, keys: Iterable[Key]) -> dict[Key, pa.Table]:
        """The cached chunks among `keys`; nothing is counted."""
        with self._lock:
            return self._cached(keys)

    def put_many(self, chunks: Mapping[Key, pa.Table]) -> None:
        """Caches the chunks and evicts the least recently used ones until all fit."""
        with self._lock:
            for key, chunk in chunks.items():
                self._put(key, chunk)

    def metrics(self) -> CacheMetrics:
        """The counts so far."""
        with self._lock:
            return CacheMetrics(
                hits=self._hits,
                misses=self._misses,
                evictions=self._chunks.evictions,
                oversized=self._oversized,
                chunks_held=len(self._chunks),
                bytes_held=int(self._chunks.currsize),
                bytes_limit=int(self._chunks.maxsize),
            )

    def _cached(self, keys: Iterable[Key]) -> dict[Key, pa.Table]:
        return {key: self._chunks[key] for key in keys if key in self._chunks}

    def _put(self, key: Hashable, chunk: pa.Table) -> None:
        self._chunks.pop(key, None)
        try:
            self._chunks[key] = chunk
        except ValueError:  # larger than the whole cache
            self._oversized += 1


def size_of(chunk: pa.Table) -> int:
    """The memory of a chunk in bytes: its buffers and the objects that Python and Arrow keep for them."""
    values: int = chunk.nbytes
    columns: int = chunk.num_columns
    return round(values * _ALLOCATED_PER_VALUE_BYTE) + _BYTES_PER_COLUMN * columns + _BYTES_PER_CHUNK
