"""Reads chunks of adjusted bars, computed by delta_tables.views.adjusted_bars for the requested symbols."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, get_args

import pyarrow as pa

from delta_tables.intervals import LONG_INTERVALS
from delta_tables.storage.lake import Lake
from serving.bars.dividend_closes import DividendCloses, find_closes_from_daily_bars
from serving.errors import ServingError
from serving.query.literals import literals
from serving.read.chunks import ChunkKey, Chunks, chunk_condition, query_groups, split
from serving.read.snapshots import Snapshot, query
from serving.read.tables import EXCLUDED_COLUMNS

Adjustment = Literal["split", "total"]


@dataclass(frozen=True)
class AdjustedBars:
    """Bars and the actions to adjust them with: those known at `as_of`, or in force `today` if it is None."""

    kind: Adjustment
    as_of: datetime | None
    today: date
    bars: Snapshot
    actions: Snapshot

    @property
    def variant(self) -> str:
        """Everything that the values of a chunk depend on, beside the files of its partition.

        A factor for cash needs the close before each payment, which can be anywhere in the table.
        """
        known = self.as_of.isoformat() if self.as_of else f"now {self.today}"
        closes = self.bars.version if self.kind == "total" else ""
        return f"{self.kind} {known} {self.actions.identity} {closes}"


def checked_adjustment(adjusted: str) -> Adjustment:
    """The adjustment of that name.

    Raises:
        ServingError: there is none.
    """
    for kind in get_args(Adjustment):
        if adjusted == kind:
            return kind  # type: ignore[no-any-return] # get_args gives Any
    raise ServingError(f"adjusted must be None (as stored), 'split' or 'total', not {adjusted!r}")


def read_adjusted(lake: Lake, adjusted: AdjustedBars, missing: Sequence[ChunkKey]) -> Iterator[Chunks]:
    """The adjusted chunks in groups; they hold only the row versions known at the instant.

    Raises:
        LakeError: a data file is damaged or missing.
    """
    closes = _dividend_closes(lake, adjusted, missing) if adjusted.kind == "total" and missing else None
    for keys in query_groups(missing):
        needed = chunk_condition(adjusted.bars.table, keys)
        if closes:
            needed = f"({needed}) OR {closes.condition(sorted({key.symbol for key in keys}))}"
        yield _read(lake, adjusted, keys, needed)


def _dividend_closes(lake: Lake, adjusted: AdjustedBars, missing: Sequence[ChunkKey]) -> DividendCloses:
    of_symbols = f"symbol IN ({literals(sorted({key.symbol for key in missing}))})"
    tables = {"stored": adjusted.bars, "actions": adjusted.actions}
    days = tuple(adjusted.bars.partitions)
    return find_closes_from_daily_bars(lambda sql: query(lake, tables, sql), of_symbols, days, adjusted.as_of)


def _read(lake: Lake, adjusted: AdjustedBars, keys: Sequence[ChunkKey], needed: str) -> Chunks:
    table = adjusted.bars.table
    symbols = literals(sorted({key.symbol for key in keys}))
    bars = f"(SELECT * FROM bars WHERE {needed}) AS needed_bars"  # noqa: S608 - escaped
    actions = f"(SELECT * FROM actions WHERE symbol IN ({symbols})) AS needed_actions"  # noqa: S608 - escaped
    day = "trade_dt" if keys[0].interval not in LONG_INTERVALS else "date_trunc('year', trade_dt)"
    view = _view(adjusted, bars, actions)
    partitioned = f"SELECT *, CAST({day} AS DATE) AS {table.partition} FROM ({view}) AS view"  # noqa: S608 - our names
    order = ", ".join(f'"{name}"' for name in ("symbol", table.partition, *table.order))
    condition = chunk_condition(table, keys)
    sql = f"SELECT * FROM ({partitioned}) AS partitioned WHERE {condition} ORDER BY {order}"  # noqa: S608 - escaped
    rows = query(lake, {"bars": adjusted.bars, "actions": adjusted.actions}, sql)
    return split(rows, adjusted_schema(adjusted.bars), table.partition, keys)


def _view(adjusted: AdjustedBars, bars: str, actions: str) -> str:
    from delta_tables.views import adjusted_bars as view  # noqa: PLC0415 - imports pyspark's types, a quarter of a second

    if adjusted.kind == "total":
        return view.total_adjusted_sql(bars, actions, adjusted.as_of)
    return view.split_adjusted_sql(bars, actions, adjusted.as_of)


def adjusted_schema(bars: Snapshot) -> pa.Schema:
    """The columns of adjusted bars: those of the stored bars, and the factors as float64."""
    from delta_tables.views.adjusted_bars import COLUMNS  # noqa: PLC0415 - imports pyspark's types

    factors = set(COLUMNS) - {*bars.schema.names, *EXCLUDED_COLUMNS}
    return pa.schema(
        pa.field(name, pa.float64()) if name in factors else bars.schema.field(name)
        for name in COLUMNS
        if name not in EXCLUDED_COLUMNS
    )
