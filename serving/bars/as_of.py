"""Bars as they are known now or were known at an instant, raw or adjusted; read without an engine session."""

from collections.abc import Callable, Mapping
from datetime import date, datetime

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from delta_tables.storage.arrow_io import arrow_schema, read_rows
from delta_tables.storage.arrow_stream import arrow_table
from delta_tables.storage.create_tables import first_line, open_table
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from delta_tables.views import adjusted_bars as views
from delta_tables.views.conditions import known_at
from serving.errors import ServingError
from serving.query.conditions import of_sessions
from serving.query.literals import checked_symbol, in_utc, literal
from serving.query.near_symbols import near_or_all
from serving.query.selected_rows import select

_EXCLUDED_COLUMNS = ("partition_dt", "run_id")
COLUMNS = tuple(name for name in BARS.columns if name not in _EXCLUDED_COLUMNS)
ADJUSTMENTS: Mapping[str, Callable[[str, str, datetime | None], str]] = {
    "split": views.split_adjusted_sql,
    "total": views.total_adjusted_sql,
}


def bars(
    lake: Lake,
    symbol: str,
    interval: str | None = None,
    as_of: datetime | None = None,
    start: date | None = None,
    end: date | None = None,
) -> pa.Table:
    """The symbol's bars, oldest first within each interval: silver.bars without partition_dt and run_id.

    `as_of` returns the bars as they were known at that instant, otherwise as known now. `start` and `end`
    are session dates, both included.

    Raises:
        ServingError: the symbol is not valid or unknown; the instant has no time zone; the range ends before
            it starts.
        LakeError: the table cannot be read.
    """
    _require_order(start, end)
    conditions = [
        f"symbol = {literal(checked_symbol(symbol))}",
        known_at(in_utc(as_of) if as_of else None),
        of_sessions(BARS, start, end),
    ]
    if interval:
        conditions.append(f'"interval" = {literal(interval)}')
    rows = read_rows(lake, BARS, COLUMNS, " AND ".join(conditions))
    return _sorted(lake, symbol, rows)


def adjusted_bars(
    lake: Lake,
    symbol: str,
    adjusted: str,
    interval: str | None = None,
    as_of: datetime | None = None,
    start: date | None = None,
    end: date | None = None,
) -> pa.Table:
    """The symbol's bars adjusted for splits (`split`) or for splits and cash payments (`total`), sorted.

    delta_tables.views.adjusted_bars defines the columns, the factors and their rounding. `as_of` uses bars
    and actions as known at that instant; the other arguments are those of `bars`.

    Raises:
        ServingError: as in `bars`; there is no such adjustment; the lake has no table of actions.
        LakeError: a table cannot be read.
    """
    if adjusted not in ADJUSTMENTS:
        raise ServingError(f"bars can be adjusted for {' or '.join(ADJUSTMENTS)}, not {adjusted[:40]!r}")
    _require_order(start, end)
    instant = in_utc(as_of) if as_of else None
    of_symbol = f"symbol = {literal(checked_symbol(symbol))}"
    # all daily bars: a payment's factor needs the close before it, which may lie before the requested range
    needed = f"({of_symbol} AND (\"interval\" = '1day' OR ({of_sessions(BARS, start, None)})))"
    view = ADJUSTMENTS[adjusted](
        f"(SELECT * FROM bars WHERE {needed}) AS symbol_bars",  # noqa: S608 - escaped
        f"(SELECT * FROM actions WHERE {of_symbol}) AS symbol_actions",  # noqa: S608 - escaped
        instant,
    )
    conditions = [_traded_between(start, end)] + ([f'"interval" = {literal(interval)}'] if interval else [])
    sql = f"SELECT * FROM ({view}) AS adjusted WHERE {' AND '.join(conditions)}"  # noqa: S608 - escaped
    return _sorted(lake, symbol, _adjusted_rows(lake, sql))


def has_actions(lake: Lake, symbol: str) -> bool:
    """Whether a corporate action of the symbol is known; if not, adjusted prices equal the stored ones."""
    sql = f"SELECT 1 AS one FROM stored WHERE symbol = {literal(checked_symbol(symbol))} LIMIT 1"  # noqa: S608 - escaped
    return bool(select(lake, CORPORATE_ACTIONS, sql))


def series_of(lake: Lake, symbol: str) -> list[str]:
    """The symbol's current series as texts, such as `1day bars from 2010-01-04 to 2010-08-20`.

    Raises:
        ServingError: the symbol is not valid.
        LakeError: silver.bars cannot be read.
    """
    found = select(
        lake,
        BARS,
        'SELECT "interval", min(trade_dt) AS first, max(trade_dt) AS last FROM stored '  # noqa: S608 - escaped
        f"WHERE known_to IS NULL AND symbol = {literal(checked_symbol(symbol))} "
        'GROUP BY "interval" ORDER BY "interval"',
    )
    return [f"{row['interval']} bars from {row['first']} to {row['last']}" for row in found]


def _require_order(start: date | None, end: date | None) -> None:
    if start and end and start > end:
        raise ServingError(f"the range ends on {end}, before it starts on {start}; swap the two dates")


def _sorted(lake: Lake, symbol: str, rows: pa.Table) -> pa.Table:
    if not rows.num_rows:
        _require_known(lake, symbol)
    return rows.sort_by([("interval", "ascending"), ("timestamp", "ascending")])


def _adjusted_rows(lake: Lake, sql: str) -> pa.Table:
    """The result of a SELECT over `bars` and `actions`, in the types of silver.bars; factors are float64."""
    stored = arrow_schema(BARS)
    schema = pa.schema(
        stored.field(name) if name in stored.names else pa.field(name, pa.float64()) for name in views.COLUMNS
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
            f"this lake has no table {CORPORATE_ACTIONS.full_name}, so no splits are known; "
            "the next `lakehouse run` creates it"
        ) from None


def _traded_between(start: date | None, end: date | None) -> str:
    conditions = [f"trade_dt >= {literal(start)}"] if start else []
    conditions += [f"trade_dt <= {literal(end)}"] if end else []
    return " AND ".join(conditions) or "true"


def _require_known(lake: Lake, symbol: str) -> None:
    known = [row["symbol"] for row in select(lake, BARS, "SELECT DISTINCT symbol FROM stored")]
    if symbol in known:
        return
    raise ServingError(f"there are no bars of {symbol}; {near_or_all([symbol], known, BARS.full_name)}")
