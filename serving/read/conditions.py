"""Which rows of a chunk belong to an answer: those known at an instant, of a provider, that happened."""

from collections.abc import Sequence
from datetime import datetime
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from delta_tables.views.tick_views import CANCELLED, INCORRECT_ORIGINAL


def filter_rows(table: pa.Table, conditions: Sequence[pa.ChunkedArray]) -> pa.Table:
    """The rows for which all conditions hold; the table itself where that is every row."""
    if not conditions:
        return table
    mask = reduce(pc.and_, conditions)
    return table if pc.all(mask, skip_nulls=False).as_py() else table.filter(mask)


def known_at(table: pa.Table, as_of: datetime | None) -> list[pa.ChunkedArray]:
    """Which rows of a history were known at the instant, or are known now for None."""
    is_current = pc.is_null(table["known_to"])
    if as_of is None:
        return [is_current]
    instant = pa.scalar(as_of, table["known_from"].type)
    was_replaced_later = pc.fill_null(pc.greater(table["known_to"], instant), True)
    return [pc.less_equal(table["known_from"], instant), was_replaced_later]


def is_of_provider(table: pa.Table, provider: str | None) -> list[pa.ChunkedArray]:
    """Which rows the provider gave; None asks nothing."""
    return [] if provider is None else [pc.equal(table["provider"], provider)]


def is_real_trade(trades: pa.Table) -> list[pa.ChunkedArray]:
    """Which trades happened, as delta_tables.views.tick_views.trades_corrected_sql has it."""
    return [pc.not_equal(trades["correction"], code) for code in (*CANCELLED, INCORRECT_ORIGINAL)]
