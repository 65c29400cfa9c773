"""Bars as they are known now, or as they were known at an instant, raw or adjusted; no engine needed."""

import difflib
from collections.abc import Callable, Mapping
from datetime import date, datetime

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from delta_tables.storage.arrow_io import arrow_schema, arrow_table, read_rows
from delta_tables.storage.create_tables import first_line, open_table
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from delta_tables.views import adjusted_bars as adjusted_views
from serving.errors import ServingError
from serving.query.conditions import known_at, of_sessions
from serving.query.literals import checked_symbol, literal
from serving.query.select import select

_LAYOUT = ("partition_dt", "run_id")
COLUMNS = tuple(name for name in BARS.columns if name not in _LAYOUT)
ADJUSTED: Mapping[str, Callable[[str, str, datetime | None], str]] = {
    "split": adjusted_views.split_adjusted_sql,
    "total": adjusted_views.total_adjusted_sql,
}


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
        ServingError: the symbol cannot be one, or the lake has none of that name; the instant is naive;
            the range ends before it starts.
        LakeError: the table cannot be read.
    """
    _require_order(start, end)
    wanted = [f"symbol = {literal(checked_symbol(symbol))}", known_at(as_of), of_sessions(BARS, start, end)]
    if interval:
        wanted.append(f'"interval" = {literal(interval)}')
    found = read_rows(lake, BARS, COLUMNS, " AND ".join(wanted))
    return _in_order(lake, symbol, found)


def adjusted_bars(
    lake: Lake,
    symbol: str,
    adjusted: str,
    interval: str | None = None,
    as_of: datetime | None = None,
    start: date | None = None,
    end: date | None = None,
) -> pa.Table:
    """The symbol's bars adjusted for splits (`split`) or also for cash paid out (`total`), in order.

    The columns, the factors and their rounding: delta_tables.views.adjusted_bars. `as_of` gives bars and
    factors as known at that instant; the other arguments are those of `bars`.

    Raises:
        ServingError: as `bars` does; there is no such adjustment; the lake has no table of actions.
        LakeError: a table cannot be read.
    """
    if adjusted not in ADJUSTED:
        raise ServingError(f"bars can be adjusted for {' or '.join(ADJUSTED)}, not {adjusted[:40]!r}")
    _require_order(start, end)
    if as_of is not None:
        literal(as_of)  # refuses an instant without a time zone
    of_symbol = f"symbol = {literal(checked_symbol(symbol))}"
    # of daily bars all: a payment is a share of the close before it, whichever day the reader asks for
    needed = f"({of_symbol} AND (\"interval\" = '1day' OR ({of_sessions(BARS, start, None)})))"
    view = ADJUSTED[adjusted](
        f"(SELECT * FROM bars WHERE {needed}) AS its_bars",  # noqa: S608 - escaped
        f"(SELECT * FROM actions WHERE {of_symbol}) AS its_actions",  # noqa: S608 - escaped
        as_of,
    )
    wanted = [_traded_between(start, end)] + ([f'"interval" = {literal(interval)}'] if interval else [])
    sql = f"SELECT * FROM ({view}) AS adjusted WHERE {' AND '.join(wanted)}"  # noqa: S608 - escaped
    return _in_order(lake, symbol, _adjusted_rows(lake, sql))


def has_actions(lake: Lake, symbol: str) -> bool:
    """Whether a split, dividend or the like of the symbol is known; else its prices are as stored."""
    sql = f"SELECT 1 AS one FROM stored WHERE symbol = {literal(checked_symbol(symbol))} LIMIT 1"  # noqa: S608 - escaped
    return bool(select(lake, CORPORATE_ACTIONS, sql))


def _require_order(start: date | None, end: date | None) -> None:
    if start and end and start > end:
        raise ServingError(f"the range ends on {end}, before it starts on {start}: swap the two dates")


def _in_order(lake: Lake, symbol: str, found: pa.Table) -> pa.Table:
    if not found.num_rows:
        _refuse_unknown(lake, symbol)
    return found.sort_by([("interval", "ascending"), ("timestamp", "ascending")])


def _adjusted_rows(lake: Lake, sql: str) -> pa.Table:
    """What a SELECT over `bars` and `actions` gives, in the types of silver.bars; factors are float64."""
    stored = arrow_schema(BARS)
    schema = pa.schema(
        stored.field(name) if name in stored.names else pa.field(name, pa.float64())
        for name in adjusted_views.COLUMNS
    )
    try:
        tables = {"bars": open_table(lake, BARS), "actions": _actions(lake)}
        query = QueryBuilder()
        for name, table in tables.items():
            query = query.register(name, table)
        return arrow_table(query.execute(sql)).cast(schema)
    except TableNotFoundError:
        return schema.empty_table()
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise LakeError(
            f"{BARS.full_name} and {CORPORATE_ACTIONS.full_name} at {lake.root} cannot be read together "
            f"({first_line(error)}); restore damaged files from a backup, or build the tables again"
        ) from None


def _actions(lake: Lake) -> DeltaTable:
    try:
        return open_table(lake, CORPORATE_ACTIONS)
    except TableNotFoundError:
        raise ServingError(
            f"there is no {CORPORATE_ACTIONS.full_name} in this lake, so nothing is known of splits; "
            "the next `lakehouse run` makes it"
        ) from None


def _traded_between(start: date | None, end: date | None) -> str:
    conditions = [f"trade_dt >= {literal(start)}"] if start else []
    conditions += [f"trade_dt <= {literal(end)}"] if end else []
    return " AND ".join(conditions) or "true"


def _refuse_unknown(lake: Lake, symbol: str) -> None:
    known = [row["symbol"] for row in select(lake, BARS, "SELECT DISTINCT symbol FROM stored")]
    if symbol in known:
        return
    near = difflib.get_close_matches(symbol.upper(), known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {len(known)} symbols"
    raise ServingError(f"no bars of {symbol}; {hint}")
