"""The rows of an export, read in order without an engine session."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from delta_tables.storage.arrow_io import arrow_schema
from delta_tables.storage.arrow_stream import arrow_table
from delta_tables.storage.create_tables import first_line, open_table
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.table import Table
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from serving.bars.dividend_closes import DividendCloses
from serving.errors import ServingError
from serving.export.adjusted import adjusted_relation, check_adjusted, find_closes
from serving.export.layouts import Layout
from serving.export.request import (
    ExportRequest,
    known_condition,
    range_condition,
    row_condition,
)
from serving.query.conditions import of_sessions
from serving.query.literals import literal, literals
from serving.query.selected_rows import Records

ROWS_AT_ONCE = 100_000


@dataclass(frozen=True)
class SessionRange:
    """Sessions that are read together, and their number of rows."""

    first: date
    last: date
    rows: int


@dataclass(frozen=True)
class ExportSource:
    """One version of a stored table, the requested rows, and a function to query it.

    `versions` are the versions of all tables read, by name. `condition` and `known` are SQL conditions: on
    the rows, and on when they were known. `closes` are the bars that the factors of adjusted bars need, None
    if nothing is adjusted.
    """

    layout: Layout
    request: ExportRequest
    versions: dict[str, int]
    condition: str
    known: str
    rows_at_once: int
    run_sql: Callable[[str], pa.Table]
    closes: DividendCloses | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns to read: those of an object, and those that distinguish objects."""
        return tuple(dict.fromkeys((*self.layout.columns, "trade_dt", "symbol")))


def open_source(
    lake: Lake, layout: Layout, request: ExportRequest, rows_at_once: int = ROWS_AT_ONCE
) -> ExportSource:
    """The current version of the table; later commits do not affect what is read.

    Raises:
        ServingError: the request is wrong, the table does not exist, or it lacks declared columns.
        LakeError: its log, or for adjusted bars a data file, cannot be read.
    """
    table = layout.table
    condition, known = row_condition(layout, request), known_condition(table, request)
    tables = {"stored": _open_existing(lake, table)}
    if request.adjusted:
        check_adjusted(layout, request)
        tables["actions"] = _open_existing(lake, CORPORATE_ACTIONS)
    present = {field.name for field in tables["stored"].schema().fields}
    if lacking := [name for name in layout.columns if name not in present]:
        raise ServingError(
            f"{table.full_name} lacks the columns {', '.join(lacking)}; the next run adds them"
        )
    names = (table.full_name, CORPORATE_ACTIONS.full_name)
    versions = {name: stored.version() for name, stored in zip(names, tables.values(), strict=False)}
    run_sql = _sql_runner(lake, table, tables)
    closes = find_closes(run_sql, request) if request.adjusted else None
    return ExportSource(layout, request, versions, condition, known, rows_at_once, run_sql, closes)


def sessions(source: ExportSource) -> Records:
    """The requested sessions in order: trade_dt, row_count, is_simulated (of any row)."""
    simulated = "bool_or(is_simulated)" if "is_simulated" in source.layout.table.columns else "false"
    return _pylist(
        source.run_sql(
            f"SELECT trade_dt, count(*) AS row_count, {simulated} AS is_simulated FROM stored "  # noqa: S608 - checked
            f"WHERE {_condition(source)} GROUP BY trade_dt ORDER BY trade_dt"
        )
    )


def distinct_series(source: ExportSource) -> Records:
    """The distinct symbol, interval, provider and adjustment (if columns) of the requested rows."""
    names = ("symbol", "interval", "provider", "adjustment")
    chosen = ", ".join(f'"{name}"' for name in names if name in source.layout.table.columns)
    where = _condition(source)
    return _pylist(source.run_sql(f"SELECT DISTINCT {chosen} FROM stored WHERE {where} ORDER BY {chosen}"))  # noqa: S608 - checked


def known_symbols(source: ExportSource) -> set[str]:
    """Every symbol in the layout's table, requested or not."""
    symbols = source.run_sql(f"SELECT DISTINCT symbol FROM stored WHERE {source.layout.condition}")  # noqa: S608 - ours
    return set(symbols["symbol"].to_pylist())


def symbol_counts(source: ExportSource, session_range: SessionRange, of_symbols: str = "true") -> Records:
    """The symbols of the sessions that satisfy the SQL condition, in order: symbol, row_count."""
    condition = _range_condition(source, session_range)
    return _pylist(
        source.run_sql(
            f"SELECT symbol, count(*) AS row_count FROM stored WHERE {condition} "  # noqa: S608 - checked
            f"AND {of_symbols} GROUP BY symbol ORDER BY symbol"
        )
    )


def read_range(source: ExportSource, session_range: SessionRange, of_symbols: str = "true") -> pa.Table:
    """The rows of the sessions by session, symbol and time, for symbols that satisfy the SQL condition."""
    table = source.layout.table
    leading = [name for name in ("trade_dt", "symbol", "timestamp") if name in table.columns]
    order = tuple(dict.fromkeys((*leading, *table.keys)))
    names = tuple(dict.fromkeys((*source.columns, *order)))
    chosen, ordered = (", ".join(f'"{name}"' for name in columns) for columns in (names, order))
    schema = _schema(table, names)
    parts = [
        source.run_sql(f"SELECT {chosen} FROM {rows} ORDER BY {ordered}").cast(schema)  # noqa: S608 - checked
        for rows in _range_relations(source, session_range, of_symbols)
    ]
    rows = pa.concat_tables(parts)
    if len(parts) > 1:
        rows = rows.sort_by([(name, "ascending") for name in order])
    return rows.select(source.columns).combine_chunks()


def _range_relations(source: ExportSource, session_range: SessionRange, of_symbols: str) -> Iterator[str]:
    """The rows of the sessions as SQL to follow FROM; for adjusted bars one relation per group of symbols.

    The factors of a group need at most `rows_at_once` closes, or the group is a single symbol.
    """
    if source.closes is None:
        yield f"stored WHERE {_range_condition(source, session_range)} AND {of_symbols}"
        return
    first, last = session_range.first, session_range.last
    rows = f"{source.condition} AND {range_condition(source.layout.table, first, last)}"
    requested = f"{source.condition} AND trade_dt >= {literal(first)} AND trade_dt <= {literal(last)}"
    symbols = [row["symbol"] for row in symbol_counts(source, session_range, of_symbols)]
    for group in source.closes.groups(symbols, first, source.rows_at_once):
        closes = source.closes.condition(group, first)
        relation = adjusted_relation(source.request, rows, closes, f"symbol IN ({literals(group)})")
        yield f"{relation} WHERE {requested}"


def _schema(table: Table, names: Iterable[str]) -> pa.Schema:
    """The declared types, with only the comment as metadata: delta-rs returns metadata in varying order."""
    declared = arrow_schema(table)
    return pa.schema(
        pa.field(
            name, declared.field(name).type, metadata={"comment": table.schema[name].metadata["comment"]}
        )
        for name in names
    )


def _condition(source: ExportSource) -> str:
    days = of_sessions(source.layout.table, source.request.start, source.request.end)
    return f"{source.condition} AND {source.known} AND {days}"


def _range_condition(source: ExportSource, session_range: SessionRange) -> str:
    days = range_condition(source.layout.table, session_range.first, session_range.last)
    return f"{source.condition} AND {source.known} AND {days}"


def _open_existing(lake: Lake, table: Table) -> DeltaTable:
    try:
        return open_table(lake, table)
    except TableNotFoundError:
        raise ServingError(
            f"there is no {table.full_name} at {lake.uri(table)}; fill the lake with `lakehouse run`"
        ) from None


def _sql_runner(lake: Lake, table: Table, tables: dict[str, DeltaTable]) -> Callable[[str], pa.Table]:
    builder = QueryBuilder()
    for name, stored in tables.items():
        builder.register(name, stored)

    def run_sql(sql: str) -> pa.Table:
        try:
            return arrow_table(builder.execute(sql))
        except (DeltaError, OSError, pa.ArrowException) as error:
            raise LakeError(
                f"{table.full_name}: data files at {lake.uri(table)} are damaged or missing "
                f"({first_line(error)}); restore them from a backup, or build the table again with "
                "`lakehouse repair`"
            ) from None

    return run_sql


def _pylist(table: pa.Table) -> Records:
    rows: Records = table.to_pylist()
    return rows
