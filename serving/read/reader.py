"""The reader: bars, trades and quotes by symbol and range, from memory where they were read before."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from delta_tables.storage.lake import Lake
from serving.errors import ServingError
from serving.query.literals import checked_symbol
from serving.read.adjusted import AdjustedBars, Adjustment, adjusted_schema, checked_adjustment
from serving.read.chunk_cache import CacheMetrics, ChunkCache
from serving.read.chunk_store import ChunkStore
from serving.read.chunks import Chunks, concatenate
from serving.read.conditions import filter_rows, is_of_provider, is_real_trade, known_at
from serving.read.rows import Rows
from serving.read.series import ACTIONS, BARS, QUOTES, TRADES, ReadableTable, partitions_of
from serving.read.snapshots import Clock, Snapshot, Snapshots
from serving.read.time_range import TimeRange, When, instant_in_utc, time_range
from serving.read.universe import require_known, require_one_provider

Symbols = str | Sequence[str]
Corrections = Literal["applied", "as_reported"]
SeriesName = Literal["bars", "trades", "quotes"]
_SERIES: dict[str, ReadableTable] = {series.name: series for series in (BARS, TRADES, QUOTES)}
MEGABYTE = 1024 * 1024
Condition = Callable[[pa.Table], list[pa.ChunkedArray]]


@dataclass(frozen=True)
class _ReadRequest:
    """What every series is asked by, checked."""

    series: ReadableTable
    symbols: tuple[str, ...]
    interval: str | None
    time_range: TimeRange
    as_of: datetime | None
    provider: str | None
    columns: tuple[str, ...] | None

    def days(self, snapshot: Snapshot) -> tuple[date, ...]:
        """The partitions that can hold rows of the answer."""
        return partitions_of(snapshot.partitions, self.interval, *self.time_range.sessions(self.series.slack))


@dataclass(frozen=True)
class Reader:
    """Reads a lake for backtests, from any number of threads; made by `open_reader`.

    What every read shares: `symbols` is one or several, and the rows come in their order, the oldest first
    in each. `start` and `end` are session dates, both included, or instants, the end excluded. `as_of` gives
    the rows as they were known at that instant, else as known now; history that was fetched later was not
    known then, so it is not there. `provider` has to be named where several have the same series. `columns`
    names those wanted, in order.

    Raises, every read:
        ServingError: what is asked is wrong or not there: says what there is.
        LakeError: the lake cannot be read.
    """

    _store: ChunkStore = field(repr=False)
    _today: Callable[[], date] = field(repr=False)
    _as_of: datetime | None = None

    def bars(
        self,
        symbols: Symbols,
        interval: str = "1day",
        start: When | None = None,
        end: When | None = None,
        *,
        adjusted: Adjustment | None = None,
        as_of: datetime | None = None,
        provider: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> Rows:
        """Bars as silver.bars has them, or adjusted: prices in quote currency, volume in units.

        `adjusted` "split" or "total" applies the corporate actions known at `as_of`
        (delta_tables.views.adjusted_bars) and adds split_ratio and dividend_factor; None gives what the
        provider gave, see the column `adjustment`.
        """
        asked = self._request(BARS, symbols, interval, time_range(start, end), as_of, provider, columns)
        bars = self._store.snapshot(BARS)
        if adjusted is None:
            return self._stored(asked, bars)
        kind = checked_adjustment(adjusted)
        actions = self._store.snapshot(ACTIONS)
        wanted = AdjustedBars(kind, asked.as_of, self._today(), bars, actions)
        chunks = self._store.adjusted_chunks(wanted, asked.days(bars), asked.symbols, interval)
        return self._answer(asked, bars, chunks, concatenate(chunks, adjusted_schema(bars)), [])

    def trades(
        self,
        symbols: Symbols,
        start: When,
        end: When,
        *,
        corrections: Corrections = "applied",
        as_of: datetime | None = None,
        provider: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> Rows:
        """Trades as silver.trades has them: prices in quote currency, sizes in shares.

        `corrections` "applied" leaves out what did not happen (cancelled, erroneous, the incorrect original
        of a corrected trade); "as_reported" gives every record (delta_tables.views.tick_views).
        """
        if corrections not in ("applied", "as_reported"):
            raise ServingError(f"corrections are applied or as_reported, not {corrections!r}")
        asked = self._request(TRADES, symbols, None, time_range(start, end), as_of, provider, columns)
        return self._stored(
            asked, self._store.snapshot(TRADES), is_real_trade if corrections == "applied" else None
        )

    def quotes(
        self,
        symbols: Symbols,
        start: When,
        end: When,
        *,
        as_of: datetime | None = None,
        provider: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> Rows:
        """Quotes as silver.quotes has them: prices in quote currency, sizes in the unit of size_unit."""
        asked = self._request(QUOTES, symbols, None, time_range(start, end), as_of, provider, columns)
        return self._stored(asked, self._store.snapshot(QUOTES))

    def universe(self, of: SeriesName = "bars", *, as_of: datetime | None = None) -> Rows:
        """The series that there are, as known at `as_of`; columns: see serving.read.universe.

        Looks through the whole table once a version; symbols that were delisted since are there.
        """
        if of not in _SERIES:
            raise ServingError(f"a universe is of {', '.join(_SERIES)}, not {of!r}")
        instant = self._instant(as_of)
        return Rows(self._store.universe(self._store.snapshot(_SERIES[of]), instant))

    def known_at(self, instant: datetime) -> "Reader":
        """A reader of what was known at the instant, sharing memory with this one; it cannot look ahead.

        Raises:
            ServingError: the instant is naive, or later than the one that this reader is held to.
        """
        return replace(self, _as_of=self._instant(instant))

    @property
    def metrics(self) -> CacheMetrics:
        """How the memory has done: hits, misses, hit_rate, evictions, bytes held; of all that share it."""
        return self._store.cache.metrics()

    def _request(
        self,
        series: ReadableTable,
        symbols: Symbols,
        interval: str | None,
        wanted: TimeRange,
        as_of: datetime | None,
        provider: str | None,
        columns: Sequence[str] | None,
    ) -> _ReadRequest:
        names = (symbols,) if isinstance(symbols, str) else tuple(dict.fromkeys(symbols))
        if not names:
            raise ServingError(
                f"{series.name} of which symbols? None was named; reader.universe() lists them"
            )
        for name in names:
            checked_symbol(name)
        chosen = tuple(columns) if columns is not None else None
        return _ReadRequest(series, names, interval, wanted, self._instant(as_of), provider, chosen)

    def _instant(self, as_of: datetime | None) -> datetime | None:
        instant = instant_in_utc(as_of, "as_of") if as_of is not None else self._as_of
        if instant and self._as_of and instant > self._as_of:
            raise ServingError(
                f"as_of {instant.isoformat()} looks ahead: this reader knows what was known at "
                f"{self._as_of.isoformat()}; ask the reader that it was made from"
            )
        return instant

    def _stored(self, asked: _ReadRequest, snapshot: Snapshot, also: Condition | None = None) -> Rows:
        chunks = self._store.chunks(snapshot, asked.days(snapshot), asked.symbols, asked.interval)
        whole = concatenate(chunks, snapshot.schema)
        conditions = [*known_at(whole, asked.as_of), *(also(whole) if also else [])]
        return self._answer(asked, snapshot, chunks, whole, conditions)

    def _answer(
        self,
        asked: _ReadRequest,
        snapshot: Snapshot,
        chunks: Chunks,
        whole: pa.Table,
        conditions: list[pa.ChunkedArray],
    ) -> Rows:
        columns = _checked_columns(asked, whole)
        given = is_of_provider(whole, asked.provider)
        self._require_known(asked, snapshot, _symbols_in(chunks, whole, given))
        needed = list(dict.fromkeys([*columns, "symbol", "provider"]))
        found = filter_rows(whole.select(needed), [*asked.time_range.conditions(whole), *given, *conditions])
        require_one_provider(asked.series.name, found)
        return Rows(found.select(columns).unify_dictionaries())

    def _require_known(self, asked: _ReadRequest, snapshot: Snapshot, there: set[str]) -> None:
        for symbol in asked.symbols:
            if symbol not in there:
                universe = self._store.universe(snapshot, None)
                require_known(asked.series.name, universe, symbol, asked.interval, asked.provider)


def open_reader(
    lake: Lake | str | Path,
    *,
    memory_bytes: int = 512 * MEGABYTE,
    as_of: datetime | None = None,
    check_every: timedelta | None = timedelta(0),
    clock: Clock = time.monotonic,
    today: Callable[[], date] = lambda: datetime.now(UTC).date(),
) -> Reader:
    """A reader of the lake: a folder, or for S3 a Lake: `lake_of(load_settings(...), load_secrets())`.

    `memory_bytes` bounds what it keeps, not what it answers. `as_of` holds every read to what was known at
    that instant. `check_every` is how old a table's version may be: by default each read looks for a newer
    one (2 ms on a disk; on S3 a request, so a few seconds are wise there); None keeps to the versions first
    seen, so that a long backtest sees one state of the lake from beginning to end.

    >>> reader = open_reader(lake)
    >>> week = reader.bars(["AAPL", "MSFT"], "1day", date(2026, 1, 5), date(2026, 1, 9), adjusted="total")
    >>> week.pandas()[["symbol", "close"]].values.tolist()
    [['AAPL', 99.99], ['AAPL', 102.0], ['MSFT', 53.0], ['MSFT', 54.0]]
    >>> then = reader.known_at(datetime(2026, 1, 6, 21, tzinfo=UTC))  # before the lake knew any of it
    >>> len(then.bars("AAPL"))
    0
    >>> f"{reader.metrics.hit_rate:.0%} of {reader.metrics.hits + reader.metrics.misses} chunks"
    '0% of 4 chunks'

    Raises:
        ServingError: `as_of` is naive, `memory_bytes` negative, or the lake an address.
    """
    if memory_bytes < 0:
        raise ServingError(f"memory_bytes is {memory_bytes}: 0 keeps nothing, {512 * MEGABYTE} is usual")
    if not isinstance(lake, Lake) and "://" in str(lake):
        raise ServingError(f"{lake} is no folder: give its Lake, lake_of(load_settings(...), load_secrets())")
    place = lake if isinstance(lake, Lake) else Lake(str(Path(lake).expanduser().resolve()))
    tables = {
        series.name: Snapshots(place, series, check_every, clock) for series in (*_SERIES.values(), ACTIONS)
    }
    reader = Reader(ChunkStore(place, tables, ChunkCache(memory_bytes), Lock()), today)
    return reader.known_at(as_of) if as_of else reader


def _checked_columns(asked: _ReadRequest, whole: pa.Table) -> list[str]:
    if asked.columns is None:
        return list(whole.schema.names)
    if unknown := [name for name in asked.columns if name not in whole.schema.names]:
        there = ", ".join(whole.schema.names)
        raise ServingError(
            f"{asked.series.name} have no column {', '.join(map(str, unknown))}; there are {there}"
        )
    return list(asked.columns)


def _symbols_in(chunks: Chunks, whole: pa.Table, given: list[pa.ChunkedArray]) -> set[str]:
    """The symbols that have rows, those that the provider gave where one is named, in any session read."""
    if given:
        return set(pc.unique(filter_rows(whole.select(["symbol"]), given)["symbol"]).to_pylist())
    return {key.symbol for key, chunk in chunks.items() if chunk.num_rows}
