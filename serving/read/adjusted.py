"""Reads chunks of adjusted bars: the SQL of delta_tables.views.adjusted_bars over the symbols asked for."""

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
from serving.read.series import EXCLUDED_COLUMNS
from serving.read.snapshots import Snapshot, query

Adjustment = Literal["split", "total"]


@dataclass(frozen=True)
class AdjustedBars:
    """Bars adjusted with the actions known at `as_of`, or in force `today` for None."""

    kind: Adjustment
    as_of: datetime | None
    today: date
    bars: Snapshot
    actions: Snapshot

    @property
    def variant(self) -> str:
        """What, beside the files of its partition, the values of a chunk depend on.

        A factor for cash needs the close before each payment, wherever in the table that lies.
        """
        known = self.as_of.isoformat() if self.as_of else f"now {self.today}"
        closes = self.bars.version if self.kind == "total" else ""
        return f"{self.kind} {known} {self.actions.identity} {closes}"


def checked_adjustment(adjusted: str) -> Adjustment:
    """The adjustment, when there is one of that name.

    Raises:
        ServingError: there is none.
    """
    for kind in get_args(Adjustment):
        if adjusted == kind:
            return kind  # type: ignore[no-any-return]
    raise ServingError(f"adjusted is None (as stored), 'split' or 'total', not {adjusted!r}")


def read_adjusted(lake: Lake, wanted: AdjustedBars, missing: Sequence[ChunkKey]) -> Iterator[Chunks]:
    """The adjusted chunks, some at a time; their rows are those known at the instant alone.

    Raises:
        LakeError: a data file is damaged or missing.
    """
    closes = _closes(lake, wanted, missing) if wanted.kind == "total" and missing else None
    for keys in query_groups(missing):
        needed = chunk_condition(wanted.bars.series, keys)
        if closes:
            needed = f"({needed}) OR {closes.condition(sorted({key.symbol for key in keys}))}"
        yield _read(lake, wanted, keys, needed)


def _closes(lake: Lake, wanted: AdjustedBars, missing: Sequence[ChunkKey]) -> DividendCloses:
    """The closes before each payment of the symbols."""
    of_symbols = f"symbol IN ({literals(sorted({key.symbol for key in missing}))})"
    tables = {"stored": wanted.bars, "actions": wanted.actions}
    days = tuple(wanted.bars.partitions)
    return find_closes_from_daily_bars(lambda sql: query(lake, tables, sql), of_symbols, days, wanted.as_of)


def _read(lake: Lake, wanted: AdjustedBars, keys: Sequence[ChunkKey], needed: str) -> Chunks:
    series = wanted.bars.series
    symbols = literals(sorted({key.symbol for key in keys}))
    bars = f"(SELECT * FROM bars WHERE {needed}) AS asked_bars"  # noqa: S608 - escaped
    actions = f"(SELECT * FROM actions WHERE symbol IN ({symbols})) AS asked_actions"  # noqa: S608 - escaped
    day = "trade_dt" if keys[0].interval not in LONG_INTERVALS else "date_trunc('year', trade_dt)"
    dated = (
        f"SELECT *, CAST({day} AS DATE) AS {series.partition} FROM ({_view(wanted, bars, actions)}) AS view"  # noqa: S608 - our names
    )
    order = ", ".join(f'"{name}"' for name in ("symbol", series.partition, *series.order))
    sql = f"SELECT * FROM ({dated}) AS dated WHERE {chunk_condition(series, keys)} ORDER BY {order}"  # noqa: S608 - escaped
    found = query(lake, {"bars": wanted.bars, "actions": wanted.actions}, sql)
    return split(found, adjusted_schema(wanted.bars), series.partition, keys)


def _view(wanted: AdjustedBars, bars: str, actions: str) -> str:
    from delta_tables.views import adjusted_bars as adjusted_views  # noqa: PLC0415 - imports pyspark's types, a quarter of a second

    if wanted.kind == "total":
        return adjusted_views.total_adjusted_sql(bars, actions, wanted.as_of)
    return adjusted_views.split_adjusted_sql(bars, actions, wanted.as_of)


def adjusted_schema(bars: Snapshot) -> pa.Schema:
    """The columns of adjusted bars: those of bars, and the factors as float64."""
    from delta_tables.views.adjusted_bars import COLUMNS  # noqa: PLC0415 - imports pyspark's types

    factors = set(COLUMNS) - {*bars.schema.names, *EXCLUDED_COLUMNS}
    return pa.schema(
        pa.field(name, pa.float64()) if name in factors else bars.schema.field(name)
        for name in COLUMNS
        if name not in EXCLUDED_COLUMNS
    )
