"""Chunks from memory or, where they are not there, from the lake; each is read once for all threads."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from threading import Lock

import pyarrow as pa

from delta_tables.storage.lake import Lake
from serving.read.adjusted import AdjustedBars, read_adjusted
from serving.read.chunk_cache import ChunkCache
from serving.read.chunks import ChunkKey, Chunks, read_chunks
from serving.read.series import ReadableTable
from serving.read.snapshots import Snapshot, Snapshots
from serving.read.universe import read_universe

Load = Callable[[Sequence[ChunkKey]], Iterable[Chunks]]


@dataclass(frozen=True)
class ChunkStore:
    """The lake, what is known of its tables, and the chunks in memory; shared by the readers of one lake."""

    lake: Lake
    tables: Mapping[str, Snapshots]
    cache: ChunkCache
    loading: Lock

    def snapshot(self, series: ReadableTable) -> Snapshot:
        """The table as it is now, or was when it was last looked at."""
        return self.tables[series.name].current()

    def chunks(
        self, snapshot: Snapshot, days: Sequence[date], symbols: Sequence[str], interval: str | None
    ) -> Chunks:
        """The rows of each symbol in each partition, in this order, with their history."""
        keys = _keys(snapshot, days, symbols, interval, "")
        return self._found(keys, lambda missing: read_chunks(self.lake, snapshot, missing))

    def adjusted_chunks(
        self, wanted: AdjustedBars, days: Sequence[date], symbols: Sequence[str], interval: str
    ) -> Chunks:
        """The adjusted bars of each symbol in each partition, in this order, those known at the instant."""
        keys = _keys(wanted.bars, days, symbols, interval, wanted.variant)
        return self._found(keys, lambda missing: read_adjusted(self.lake, wanted, missing))

    def universe(self, snapshot: Snapshot, as_of: datetime | None) -> pa.Table:
        """See serving.read.universe.read_universe; kept like a chunk, but neither a hit nor a miss."""
        key: Hashable = ("universe", snapshot.series.name, snapshot.identity, as_of)
        held = self.cache.peek_many([key])
        if key not in held:
            held = {key: read_universe(self.lake, snapshot, as_of)}
            self.cache.put_many(held)
        return held[key]

    def _found(self, keys: Sequence[ChunkKey], load: Load) -> Chunks:
        found = self.cache.get_many(keys)
        if len(found) < len(keys):
            with self.loading:
                found |= self.cache.peek_many([key for key in keys if key not in found])
                for loaded in load([key for key in keys if key not in found]):
                    self.cache.put_many(loaded)
                    found |= loaded
        return {key: found[key] for key in keys}


def _keys(
    snapshot: Snapshot, days: Sequence[date], symbols: Sequence[str], interval: str | None, variant: str
) -> list[ChunkKey]:
    digests = [(snapshot.partitions[day], day) for day in days]
    return [ChunkKey(digest, symbol, interval, day, variant) for symbol in symbols for digest, day in digests]
