"""The reader's cache: limited in size and age, and consistent for many threads."""

import gc
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from serving.read import Reader, chunks, open_reader
from serving.read.chunk_cache import ChunkCache, size_of
from serving.read.snapshots import Snapshot, query
from tests.builders import reader_lake
from tests.builders.reader_lake import LEARNED, SESSIONS, action, add_minutes
from tests.builders.sample_lake import add, bar

FIRST, LAST = SESSIONS[3], SESSIONS[4]
LATER = LEARNED + timedelta(days=30)
CHUNK = pa.table({"value": list(range(1_000))})


@pytest.fixture
def filled(lake: Lake) -> Lake:
    reader_lake.fill(lake)
    return lake


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queries for chunks that reach the lake."""
    queries: list[str] = []

    def counted(lake: Lake, snapshots: Mapping[str, Snapshot], sql: str) -> pa.Table:
        queries.append(sql)
        return query(lake, snapshots, sql)

    monkeypatch.setattr(chunks, "query", counted)
    return queries


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def counts(reader: Reader) -> tuple[int, int]:
    return reader.metrics.hits, reader.metrics.misses


def closes(reader: Reader, **wanted: Any) -> list[Decimal]:
    found: list[Decimal] = reader.bars("AAPL", **wanted).table["close"].to_pylist()
    return found


def test_repeated_reads_come_from_the_cache(filled: Lake, queries: list[str]) -> None:
    reader = open_reader(filled)
    first = reader.bars("AAPL", "1min", FIRST, LAST)
    assert (counts(reader), len(queries)) == ((0, 2), 1)
    assert reader.bars("AAPL", "1min", FIRST, LAST).table.equals(first.table)
    assert (counts(reader), len(queries), reader.metrics.hit_rate) == ((2, 2), 1, 0.5)


def test_overlapping_ranges_share_cached_chunks(filled: Lake, queries: list[str]) -> None:
    reader = open_reader(filled)
    reader.bars("AAPL", "1min", FIRST, FIRST)
    assert len(reader.bars("AAPL", "1min", FIRST, LAST)) == 5
    assert counts(reader) == (1, 2)
    assert str(FIRST) not in queries[1]
    assert str(LAST) in queries[1]


def test_reads_as_of_different_instants_share_one_chunk(filled: Lake, queries: list[str]) -> None:
    reader = open_reader(filled)
    for days in range(3):
        reader.bars("AAPL", as_of=LEARNED + timedelta(days=days))
        reader.known_at(LEARNED + timedelta(days=days)).trades("AAPL", FIRST, FIRST)
        reader.trades("AAPL", FIRST, FIRST, corrections="as_reported")
    assert len(queries) == 2


def test_an_empty_chunk_is_cached(filled: Lake, queries: list[str]) -> None:
    reader = open_reader(filled)
    for _ in range(2):
        assert len(reader.bars(["AAPL", "MSFT"], "1day", end=date(2025, 12, 31))) == 4
        assert len(reader.trades("AAPL", LAST, LAST)) == 0
    assert len(queries) == 1


def test_after_a_new_version_only_the_affected_days_are_read_again(filled: Lake, queries: list[str]) -> None:
    reader = open_reader(filled)
    assert len(reader.bars("AAPL", "1min", FIRST, LAST)) == 5
    add_minutes(filled, LAST, 1, timestamp=LEARNED - timedelta(hours=3))
    assert len(reader.bars("AAPL", "1min", FIRST, LAST)) == 6
    assert (counts(reader), len(queries)) == ((1, 3), 2)
    assert str(FIRST) not in queries[1]


def test_rows_of_earlier_knowledge_that_arrive_late_are_read(filled: Lake) -> None:
    reader = open_reader(filled)
    before = LEARNED - timedelta(days=1)
    assert closes(reader, as_of=before) == []
    old = bar("AAPL", SESSIONS[0], "1day", "399", known_from=before - timedelta(days=1), known_to=LEARNED)
    add(filled, BARS, old)
    assert closes(reader, as_of=before) == [Decimal(399)]
    assert closes(reader)[0] == Decimal(400)


def test_a_new_split_adjusts_cached_bars(filled: Lake) -> None:
    reader = open_reader(filled)
    assert closes(reader, adjusted="split")[:1] == [Decimal(100)]
    add(filled, CORPORATE_ACTIONS, action("split", date(2026, 1, 7), ratio=Decimal(2), known_from=LATER))
    assert closes(reader, adjusted="split")[:1] == [Decimal(50)]
    assert closes(reader, adjusted="split", as_of=LEARNED)[:1] == [Decimal(100)]
    assert closes(reader, adjusted="total", as_of=LEARNED)[:1] == [Decimal(99)]


def test_a_split_adjusts_from_its_day_on_without_a_new_version(filled: Lake) -> None:
    days = iter([date(2026, 1, 6), date(2026, 1, 6), date(2026, 1, 7)])
    reader = open_reader(filled, today=lambda: next(days))
    for _ in range(3):
        closes(reader, adjusted="split")
    assert counts(reader) == (2, 4)  # two years, read on each of two days


def test_a_snapshot_is_at_most_as_old_as_allowed(filled: Lake) -> None:
    clock = Clock()
    reader = open_reader(filled, check_every=timedelta(seconds=10), clock=clock)
    assert len(reader.bars("AAPL", "1min")) == 5
    add_minutes(filled, date(2026, 1, 7), 1)
    clock.seconds += 10
    assert len(reader.bars("AAPL", "1min")) == 5
    clock.seconds += 0.1
    assert len(reader.bars("AAPL", "1min")) == 6


def test_a_reader_can_keep_the_first_version(filled: Lake) -> None:
    clock = Clock()
    reader = open_reader(filled, memory_bytes=0, check_every=None, clock=clock)
    assert len(reader.bars("AAPL", "1min")) == 5
    add_minutes(filled, LAST, 1, timestamp=LEARNED - timedelta(hours=3))
    clock.seconds += 100_000
    assert len(reader.bars("AAPL", "1min")) == 5


def test_a_rebuilt_lake_is_noticed_within_a_minute(filled: Lake) -> None:
    clock = Clock()
    reader = open_reader(filled, clock=clock)
    for _ in range(2):
        assert closes(reader)[0] == Decimal(400)
        clock.seconds += 1
    shutil.rmtree(filled.root)
    create_tables(filled, [BARS])
    add(filled, BARS, bar("AAPL", SESSIONS[0], "1day", "1", known_from=LEARNED))
    clock.seconds += 60
    assert closes(reader) == [Decimal(1)]


def test_the_least_recently_used_chunks_are_evicted_first() -> None:
    cache = ChunkCache(3 * size_of(CHUNK))
    cache.put_many({"a": CHUNK, "b": CHUNK, "c": CHUNK})
    cache.get_many(["a"])
    cache.put_many({"d": CHUNK})
    assert set(cache.peek_many("abcd")) == {"a", "c", "d"}
    metrics = cache.metrics()
    assert (metrics.evictions, metrics.chunks_held, metrics.bytes_held) == (1, 3, 3 * size_of(CHUNK))


def test_a_chunk_put_twice_counts_once() -> None:
    cache = ChunkCache(3 * size_of(CHUNK))
    for _ in range(5):
        cache.put_many({"a": CHUNK})
    assert (cache.metrics().chunks_held, cache.metrics().bytes_held) == (1, size_of(CHUNK))


def test_a_chunk_larger_than_the_cache_is_returned_but_not_kept(filled: Lake) -> None:
    reader = open_reader(filled, memory_bytes=1_000)
    for _ in range(2):
        assert len(reader.bars("AAPL", "1min", FIRST, LAST)) == 5
    metrics = reader.metrics
    assert (metrics.oversized, metrics.chunks_held, metrics.bytes_held, metrics.hit_rate) == (4, 0, 0, 0.0)


def test_a_read_larger_than_the_cache_is_complete_within_the_limit(filled: Lake) -> None:
    small = open_reader(filled, memory_bytes=60_000)
    for _ in range(2):
        for day in SESSIONS:
            small.bars("AAPL", "1min", day, day, as_of=LEARNED)
            assert len(small.bars(["MSFT", "AAPL"], "1day", SESSIONS[0], day)) == 2 * (
                SESSIONS.index(day) + 1
            )
            assert small.metrics.bytes_held <= 60_000
    assert small.metrics.evictions > 0


def test_chunks_hold_no_more_memory_than_their_size(filled: Lake) -> None:
    for day in range(20):
        add_minutes(filled, date(2026, 2, 1) + timedelta(days=day), 400)
    gc.collect()
    before = pa.total_allocated_bytes()
    reader = open_reader(filled, memory_bytes=200_000)
    assert len(reader.bars("AAPL", "1min")) == 8_005
    gc.collect()
    assert 0 < reader.metrics.chunks_held < 22
    assert pa.total_allocated_bytes() - before <= reader.metrics.bytes_held <= 200_000


def test_threads_get_the_same_rows_and_each_chunk_is_read_once(filled: Lake, queries: list[str]) -> None:
    reader = open_reader(filled)
    expected = open_reader(filled, memory_bytes=0).bars("AAPL", "1min", FIRST, LAST).table
    queries.clear()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: reader.bars("AAPL", "1min", FIRST, LAST).table, range(40)))
    assert all(answer.equals(expected) for answer in answers)
    assert len(queries) == 1
    assert sum(counts(reader)) == 80


def test_threads_reading_during_changes_never_miss_rows(filled: Lake) -> None:
    reader = open_reader(filled, memory_bytes=150_000)

    def sizes(_: int) -> list[int]:
        return [len(reader.bars("AAPL", "1min")) for _ in range(10)]

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(sizes, number) for number in range(4)]
        for day in range(10):
            add_minutes(filled, date(2026, 2, 1) + timedelta(days=day), 1)
        seen = [each.result() for each in running]
    assert all(each == sorted(each) for each in seen)
    assert len(reader.bars("AAPL", "1min")) == 15
    assert reader.metrics.bytes_held <= 150_000


def test_a_missing_file_is_reported_and_not_cached_as_empty(filled: Lake, tmp_path: Path) -> None:
    files = {file: tmp_path / file.name for file in Path(filled.uri(BARS)).rglob("*.parquet")}
    reader = open_reader(filled)
    for file, aside in files.items():
        file.rename(aside)
    with pytest.raises(LakeError, match=r"silver\.bars: .* one of its files is missing"):
        reader.bars("AAPL")
    for file, aside in files.items():
        aside.rename(file)
    assert len(reader.bars("AAPL")) == 5
