"""The reader: bars, trades and quotes by symbol and range; repeated reads come from memory."""

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
from serving.read.conditions import filter_rows, is_known_at, is_of_provider, is_real_trade
from serving.read.rows import Rows
from serving.read.snapshots import Clock, Snapshot, Snapshots
from serving.read.tables import ACTIONS, BARS, QUOTES, TRADES, ReadableTable, partitions_of
from serving.read.time_range import TimeRange, When, instant_in_utc, time_range
from serving.read.universe import require_known, require_one_provider

Symbols = str | Sequence[str]
Corrections = Literal["applied", "as_reported"]
TableName = Literal["bars", "trades", "quotes"]
_TABLES: dict[str, ReadableTable] = {table.name: table for table in (BARS, TRADES, QUOTES)}
MEGABYTE = 1024 * 1024
Condition = Callable[[pa.Table], list[pa.ChunkedArray]]


@dataclass(frozen=True)
class _ReadRequest:
    """The arguments that all reads share, checked."""

    table: ReadableTable
    symbols: tuple[str, ...]
    interval: str | None
    time_range: TimeRange
    as_of: datetime | None
    provider: str | None
    columns: tuple[str, ...] | None

    def days(self, snapshot: Snapshot) -> tuple[date, ...]:
        """The partitions that can hold requested rows."""
        first, last = self.time_range.sessions(self.table.slack)
        return partitions_of(snapshot.partitions, self.interval, first, last)


@dataclass(frozen=True)
class Reader:
    """Reads a lake for backtests; safe to use from any number of threads. Made by `open_reader`.

    Parameters of all reads: `symbols` is one symbol or several; the rows come in that order, oldest first
    within each symbol. `start` and `end` are session dates, both included, or instants, the end excluded.
    `as_of` returns the rows as they were known at that instant, otherwise as known now; history that was
    fetched later was not known then, so it is not returned. `provider` is required where several providers
    have the same series. `columns` selects columns, in order.

    All reads raise:
        ServingError: an argument is wrong or names something that does not exist; says what exists.
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
        """Bars with the columns of silver.bars: prices in quote currency, volume in units.

        `adjusted` "split" or "total" applies the corporate actions known at `as_of`
        (delta_tables.views.adjusted_bars) and adds split_ratio and dividend_factor. None returns the
        provider's values; the column `adjustment` says whether the provider adjusted them.
        """
        request = self._request(BARS, symbols, interval, time_range(start, end), as_of, provider, columns)
        bars = self._store.snapshot(BARS)
        if adjusted is None:
            return self._stored_rows(request, bars)
        kind = checked_adjustment(adjusted)
        actions = self._store.snapshot(ACTIONS)
        adjusted_bars = AdjustedBars(kind, request.as_of, self._today(), bars, actions)
        chunks = self._store.adjusted_chunks(adjusted_bars, request.days(bars), request.symbols, interval)
        return self._rows(request, bars, chunks, concatenate(chunks, adjusted_schema(bars)), [])

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
        """Trades with the columns of silver.trades: prices in quote currency, sizes in shares.

        `corrections` "applied" leaves out trades that did not happen (cancelled, erroneous, the incorrect
        original of a corrected trade); "as_reported" returns every record (delta_tables.views.tick_views).
        """
        if corrections not in ("applied", "as_reported"):
            raise ServingError(f"corrections must be 'applied' or 'as_reported', not {corrections!r}")
        request = self._request(TRADES, symbols, None, time_range(start, end), as_of, provider, columns)
        condition = is_real_trade if corrections == "applied" else None
        return self._stored_rows(request, self._store.snapshot(TRADES), condition)

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
        """Quotes with the columns of silver.quotes: prices in quote currency, sizes in size_unit."""
        request = self._request(QUOTES, symbols, None, time_range(start, end), as_of, provider, columns)
        return self._stored_rows(request, self._store.snapshot(QUOTES))

    def universe(self, of: TableName = "bars", *, as_of: datetime | None = None) -> Rows:
        """The series known at `as_of`, delisted symbols included; columns: see serving.read.universe.

        Reads the whole table once per version.
        """
        if of not in _TABLES:
            raise ServingError(f"there is a universe of {', '.join(_TABLES)}, not of {of!r}")
        instant = self._instant(as_of)
        return Rows(self._store.universe(self._store.snapshot(_TABLES[of]), instant))

    def known_at(self, instant: datetime) -> "Reader":
        """A reader limited to what was known at the instant, so that it cannot look ahead.

        It shares its cache with this reader.

        Raises:
            ServingError: the instant has no time zone, or is later than this reader's own limit.
        """
        return replace(self, _as_of=self._instant(instant))

    @property
    def metrics(self) -> CacheMetrics:
        """The cache's hits, misses, hit_rate, evictions and size, for all readers that share it."""
        return self._store.cache.metrics()

    def _request(
        self,
        table: ReadableTable,
        symbols: Symbols,
        interval: str | None,
        in_range: TimeRange,
        as_of: datetime | None,
        provider: str | None,
        columns: Sequence[str] | None,
    ) -> _ReadRequest:
        names = (symbols,) if isinstance(symbols, str) else tuple(dict.fromkeys(symbols))
        if not names:
            raise ServingError(f"name the symbols to read {table.name} of; reader.universe() lists them")
        for name in names:
            checked_symbol(name)
        selected = tuple(columns) if columns is not None else None
        return _ReadRequest(table, names, interval, in_range, self._instant(as_of), provider, selected)

    def _instant(self, as_of: datetime | None) -> datetime | None:
        instant = instant_in_utc(as_of, "as_of") if as_of is not None else self._as_of
        if instant and self._as_of and instant > self._as_of:
            raise ServingError(
                f"as_of {instant.isoformat()} looks ahead: this reader is limited to what was known at "
                f"{self._as_of.isoformat()}; use the reader that it was made from"
            )
        return instant

    def _stored_rows(
        self, request: _ReadRequest, snapshot: Snapshot, extra_condition: Condition | None = None
    ) -> Rows:
        chunks = self._store.chunks(snapshot, request.days(snapshot), request.symbols, request.interval)
        whole = concatenate(chunks, snapshot.schema)
        extra = extra_condition(whole) if extra_condition else []
        return self._rows(request, snapshot, chunks, whole, [*is_known_at(whole, request.as_of), *extra])

    def _rows(
        self,
        request: _ReadRequest,
        snapshot: Snapshot,
        chunks: Chunks,
        whole: pa.Table,
        conditions: list[pa.ChunkedArray],
    ) -> Rows:
        columns = _checked_columns(request, whole)
        of_provider = is_of_provider(whole, request.provider)
        self._require_known(request, snapshot, _symbols_in(chunks, whole, of_provider))
        needed = list(dict.fromkeys([*columns, "symbol", "provider"]))
        in_range = request.time_range.conditions(whole)
        rows = filter_rows(whole.select(needed), [*in_range, *of_provider, *conditions])
        require_one_provider(request.table.name, rows)
        return Rows(rows.select(columns).unify_dictionaries())

    def _require_known(self, request: _ReadRequest, snapshot: Snapshot, with_rows: set[str]) -> None:
        for symbol in request.symbols:
            if symbol not in with_rows:
                universe = self._store.universe(snapshot, None)
                require_known(request.table.name, universe, symbol, request.interval, request.provider)


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

    `memory_bytes` limits the cache, not the size of a result. `as_of` limits every read to what was known at
    that instant. `check_every` is how old a table's version may be: by default each read checks for a newer
    one (2 ms on a disk; on S3 it is a request, so choose a few seconds there). None keeps the first version,
    so that a long backtest sees one state of the lake from beginning to end.

    >>> reader = open_reader(lake)
    >>> week = reader.bars(["AAPL", "MSFT"], "1day", date(2026, 1, 5), date(2026, 1, 9), adjusted="total")
    >>> week.pandas()[["symbol", "close"]].values.tolist()
    [['AAPL', 99.99], ['AAPL', 102.0], ['MSFT', 53.0], ['MSFT', 54.0]]
    >>> earlier = reader.known_at(datetime(2026, 1, 6, 21, tzinfo=UTC))  # before the lake received any of it
    >>> len(earlier.bars("AAPL"))
    0
    >>> f"{reader.metrics.hit_rate:.0%} of {reader.metrics.hits + reader.metrics.misses} chunks"
    '0% of 4 chunks'

    Raises:
        ServingError: `as_of` has no time zone, `memory_bytes` is negative, or the lake is given as a URL.
    """
    if memory_bytes < 0:
        raise ServingError(
            f"memory_bytes must not be negative, found {memory_bytes}; 0 disables the cache, "
            f"{512 * MEGABYTE} is the default"
        )
    if not isinstance(lake, Lake) and "://" in str(lake):
        raise ServingError(
            f"{lake} is not a folder; pass a Lake: lake_of(load_settings(...), load_secrets())"
        )
    root = lake if isinstance(lake, Lake) else Lake(str(Path(lake).expanduser().resolve()))
    snapshots = {
        table.name: Snapshots(root, table, check_every, clock) for table in (*_TABLES.values(), ACTIONS)
    }
    reader = Reader(ChunkStore(root, snapshots, ChunkCache(memory_bytes), Lock()), today)
    return reader.known_at(as_of) if as_of else reader


def _checked_columns(request: _ReadRequest, whole: pa.Table) -> list[str]:
    if request.columns is None:
        return list(whole.schema.names)
    if unknown := [name for name in request.columns if name not in whole.schema.names]:
        raise ServingError(
            f"{request.table.name} have no column {', '.join(map(str, unknown))}; the columns are "
            f"{', '.join(whole.schema.names)}"
        )
    return list(request.columns)


def _symbols_in(chunks: Chunks, whole: pa.Table, of_provider: list[pa.ChunkedArray]) -> set[str]:
    """The symbols with rows in the partitions read: rows of the provider, if one is requested."""
    if of_provider:
        return set(pc.unique(filter_rows(whole.select(["symbol"]), of_provider)["symbol"]).to_pylist())
    return {key.symbol for key, chunk in chunks.items() if chunk.num_rows}
