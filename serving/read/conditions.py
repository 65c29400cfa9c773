"""Row filters on Arrow tables: rows known at an instant, rows of one provider, trades that happened."""

from collections.abc import Sequence
from datetime import datetime
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from delta_tables.views.tick_views import CANCELLED, INCORRECT_ORIGINAL


def filter_rows(table: pa.Table, conditions: Sequence[pa.ChunkedArray]) -> pa.Table:
    """The rows for which all boolean columns are true; the table itself if that is every row."""
    if not conditions:
        return table
    mask = reduce(pc.and_, conditions)
    return table if pc.all(mask, skip_nulls=False).as_py() else table.filter(mask)


def is_known_at(table: pa.Table, as_of: datetime | None) -> list[pa.ChunkedArray]:
    """Boolean columns for the row versions known at `as_of`, or for the current ones if it is None.

    The Arrow form of delta_tables.views.conditions.known_at.
    """
    is_current = pc.is_null(table["known_to"])
    if as_of is None:
        return [is_current]
    instant = pa.scalar(as_of, table["known_from"].type)
    was_replaced_later = pc.fill_null(pc.greater(table["known_to"], instant), True)
    return [pc.less_equal(table["known_from"], instant), was_replaced_later]


def is_of_provider(table: pa.Table, provider: str | None) -> list[pa.ChunkedArray]:
    """A boolean column for the rows of the provider; an empty list (no filter) if it is None."""
    return [] if provider is None else [pc.equal(table["provider"], provider)]


def is_real_trade(trades: pa.Table) -> list[pa.ChunkedArray]:
    """Boolean columns for the trades that happened: the Arrow form of tick_views.HAPPENED."""
    return [pc.not_equal(trades["correction"], code) for code in (*CANCELLED, INCORRECT_ORIGINAL)]
