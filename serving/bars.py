"""Bars as they are known now, or as they were known at an instant; no engine needed."""

import difflib
from datetime import date, datetime

import pyarrow as pa

from delta_tables.arrow_io import read_rows
from delta_tables.lake import Lake
from delta_tables.silver import BARS
from serving.errors import ServingError
from serving.literals import checked_symbol, literal
from serving.queries import select

_LAYOUT = ("partition_dt", "run_id")
COLUMNS = tuple(name for name in BARS.columns if name not in _LAYOUT)


def bars(
    lake: Lake,
    symbol: str,
    interval: str | None = None,
    as_of: datetime | None = None,
    start: date | None = None,
    end: date | None = None,
) -> pa.Table:
    """The symbol's bars, oldest first in each interval: the columns of silver.bars but layout and run.

    `as_of` gives the bars as they were known at that instant, else as they are known now. `start` and
    `end` are session dates, both included.

    Raises:
        ServingError: the symbol cannot be one, or the lake has none of that name; the instant is naive.
        LakeError: the table cannot be read.
    """
    wanted = [f"symbol = {literal(checked_symbol(symbol))}", known_at(as_of), _between(start, end)]
    if interval:
        wanted.append(f'"interval" = {literal(interval)}')
    found = read_rows(lake, BARS, COLUMNS, " AND ".join(wanted))
    if not found.num_rows:
        _refuse_unknown(lake, symbol)
    return found.sort_by([("interval", "ascending"), ("timestamp", "ascending")])


def known_at(as_of: datetime | None) -> str:
    """The SQL condition for rows of a bitemporal table known at `as_of`, or current for None."""
    if as_of is None:
        return "known_to IS NULL"
    instant = literal(as_of)
    return f"known_from <= {instant} AND (known_to IS NULL OR known_to > {instant})"


def _between(start: date | None, end: date | None) -> str:
    """Literal dates, on the partition too: a partition is a session, for daily bars the first of its year."""
    conditions = ["true"]
    if start:
        year = start.replace(month=1, day=1)
        conditions.append(f"trade_dt >= {literal(start)} AND partition_dt >= {literal(year)}")
    if end:
        conditions.append(f"trade_dt <= {literal(end)} AND partition_dt <= {literal(end)}")
    return " AND ".join(conditions)


def _refuse_unknown(lake: Lake, symbol: str) -> None:
    known = [row["symbol"] for row in select(lake, BARS, "SELECT DISTINCT symbol FROM stored")]
    if symbol in known:
        return
    near = difflib.get_close_matches(symbol.upper(), known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {len(known)} symbols"
    raise ServingError(f"no bars of {symbol}; {hint}")
