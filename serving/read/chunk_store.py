"""Chunks from the cache or, if they are not cached, from the lake; each is read once for all threads."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from threading import Lock

import pyarrow as pa

from delta_tables.storage.lake import Lake
from serving.read.adjusted import AdjustedBars, read_adjusted
from serving.read.chunk_cache import ChunkCache
from serving.read.chunks import ChunkKey, Chunks, read_chunks
from serving.read.snapshots import Snapshot, Snapshots
from serving.read.tables import ReadableTable
from serving.read.universe import read_universe

Load = Callable[[Sequence[ChunkKey]], Iterable[Chunks]]


@dataclass(frozen=True)
class ChunkStore:
    """The lake, the snapshots of its tables, and the cached chunks; shared by all readers of one lake."""

    lake: Lake
    tables: Mapping[str, Snapshots]
    cache: ChunkCache
    loading: Lock

    def snapshot(self, table: ReadableTable) -> Snapshot:
        """The table's newest snapshot, or the last one where the reader's `check_every` allows it."""
        return self.tables[table.name].current()

    def chunks(
        self, snapshot: Snapshot, days: Sequence[date], symbols: Sequence[str], interval: str | None
    ) -> Chunks:
        """The stored rows of each symbol and partition, in this order, including superseded versions."""
        keys = _keys(snapshot, days, symbols, interval, "")
        return self._load_missing(keys, lambda missing: read_chunks(self.lake, snapshot, missing))

    def adjusted_chunks(
        self, adjusted: AdjustedBars, days: Sequence[date], symbols: Sequence[str], interval: str
    ) -> Chunks:
        """The adjusted bars of each symbol and partition, in this order, as known at `adjusted.as_of`."""
        keys = _keys(adjusted.bars, days, symbols, interval, adjusted.variant)
        return self._load_missing(keys, lambda missing: read_adjusted(self.lake, adjusted, missing))

    def universe(self, snapshot: Snapshot, as_of: datetime | None) -> pa.Table:
        """The table's series, see serving.read.universe; cached, but not counted in the metrics."""
        key: Hashable = ("universe", snapshot.table.name, snapshot.identity, as_of)
        cached = self.cache.peek_many([key])
        if key not in cached:
            cached = {key: read_universe(self.lake, snapshot, as_of)}
            self.cache.put_many(cached)
        return cached[key]

    def _load_missing(self, keys: Sequence[ChunkKey], load: Load) -> Chunks:
        chunks = self.cache.get_many(keys)
        if len(chunks) < len(keys):
            with self.loading:
                # another thread may have loaded some of them while this one waited
                chunks |= self.cache.peek_many([key for key in keys if key not in chunks])
                for loaded in load([key for key in keys if key not in chunks]):
                    self.cache.put_many(loaded)
                    chunks |= loaded
        return {key: chunks[key] for key in keys}


def _keys(
    snapshot: Snapshot, days: Sequence[date], symbols: Sequence[str], interval: str | None, variant: str
) -> list[ChunkKey]:
    digests = [(snapshot.partitions[day], day) for day in days]
    return [ChunkKey(digest, symbol, interval, day, variant) for symbol in symbols for digest, day in digests]
