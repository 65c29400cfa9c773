"""The rows of an export, read without an engine and in order."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from delta_tables.storage.arrow_io import arrow_schema, arrow_table
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
    row_condition,
    range_condition,
)
from serving.query.conditions import of_sessions
from serving.query.literals import literal, literals
from serving.query.select import Records

ROWS_AT_ONCE = 100_000


@dataclass(frozen=True)
class SessionRange:
    """Sessions that are read together, and how many rows they have."""

    first: date
    last: date
    rows: int


@dataclass(frozen=True)
class ExportSource:
    """One version of a stored table, the rows wanted of it, and how to ask it.

    `versions` are those of all tables read, by name. `condition` leaves out what `known` says: when the
    rows were known. `closes`: what the factors of adjusted bars rest on, None where nothing is adjusted.
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
        """What is read: an object's columns, and by what the objects are told apart."""
        return tuple(dict.fromkeys((*self.layout.columns, "trade_dt", "symbol")))


def open_source(
    lake: Lake, layout: Layout, request: ExportRequest, rows_at_once: int = ROWS_AT_ONCE
) -> ExportSource:
    """The table as it is now; what is committed later does not change what is read.

    Raises:
        ServingError: a wrong question; the table has not been created, or lacks declared columns.
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
        raise ServingError(f"{table.full_name} as stored lacks {', '.join(lacking)}; the next run adds them")
    names = (table.full_name, CORPORATE_ACTIONS.full_name)
    versions = {name: item.version() for name, item in zip(names, tables.values(), strict=False)}
    run_sql = _sql_runner(lake, table, tables)
    closes = find_closes(run_sql, request) if request.adjusted else None
    return ExportSource(layout, request, versions, condition, known, rows_at_once, run_sql, closes)


def sessions(source: ExportSource) -> Records:
    """The wanted sessions in order: trade_dt, row_count, is_simulated (any of the rows is)."""
    simulated = "bool_or(is_simulated)" if "is_simulated" in source.layout.table.columns else "false"
    return _pylist(
        source.run_sql(
            f"SELECT trade_dt, count(*) AS row_count, {simulated} AS is_simulated FROM stored "  # noqa: S608 - checked
            f"WHERE {_condition(source)} GROUP BY trade_dt ORDER BY trade_dt"
        )
    )


def distinct_series(source: ExportSource) -> Records:
    """The wanted rows' symbols, with the interval, provider and adjustment of each, as far as there are."""
    names = ("symbol", "interval", "provider", "adjustment")
    chosen = ", ".join(f'"{name}"' for name in names if name in source.layout.table.columns)
    where = _condition(source)
    return _pylist(source.run_sql(f"SELECT DISTINCT {chosen} FROM stored WHERE {where} ORDER BY {chosen}"))  # noqa: S608 - checked


def known_symbols(source: ExportSource) -> set[str]:
    """Every symbol that the layout's table has, whatever was asked for."""
    found = source.run_sql(f"SELECT DISTINCT symbol FROM stored WHERE {source.layout.condition}")  # noqa: S608 - ours
    return set(found["symbol"].to_pylist())


def symbol_counts(source: ExportSource, session_range: SessionRange, of_symbols: str = "true") -> Records:
    """The symbols of the window that the SQL condition holds for, in order, with their `row_count`."""
    return _pylist(
        source.run_sql(
            f"SELECT symbol, count(*) AS row_count FROM stored WHERE {_range_condition(source, session_range)} "  # noqa: S608 - checked
            f"AND {of_symbols} GROUP BY symbol ORDER BY symbol"
        )
    )


def read_range(source: ExportSource, session_range: SessionRange, of_symbols: str = "true") -> pa.Table:
    """The window's rows by session, symbol and time, of the symbols that the SQL condition holds for."""
    table = source.layout.table
    leading = [name for name in ("trade_dt", "symbol", "timestamp") if name in table.columns]
    order = tuple(dict.fromkeys((*leading, *table.keys)))
    names = tuple(dict.fromkeys((*source.columns, *order)))
    chosen, ordered = (", ".join(f'"{name}"' for name in item) for item in (names, order))
    schema = _schema(table, names)
    parts = [
        source.run_sql(f"SELECT {chosen} FROM {rows} ORDER BY {ordered}").cast(schema)  # noqa: S608 - checked
        for rows in _range_relations(source, session_range, of_symbols)
    ]
    found = pa.concat_tables(parts)
    if len(parts) > 1:
        found = found.sort_by([(name, "ascending") for name in order])
    return found.select(source.columns).combine_chunks()


def _range_relations(source: ExportSource, session_range: SessionRange, of_symbols: str) -> Iterator[str]:
    """The window's rows as what stands after FROM: one text, or for adjusted rows one a group of symbols.

    The closes that a group's factors rest on are `rows_at_once` at most, or a single symbol's.
    """
    if source.closes is None:
        yield f"stored WHERE {_range_condition(source, session_range)} AND {of_symbols}"
        return
    first, last = session_range.first, session_range.last
    rows = f"{source.condition} AND {range_condition(source.layout.table, first, last)}"
    asked_for = f"{source.condition} AND trade_dt >= {literal(first)} AND trade_dt <= {literal(last)}"
    symbols = [item["symbol"] for item in symbol_counts(source, session_range, of_symbols)]
    for group in source.closes.groups(symbols, first, source.rows_at_once):
        closes = source.closes.condition(group, first)
        relation = adjusted_relation(source.request, rows, closes, f"symbol IN ({literals(group)})")
        yield f"{relation} WHERE {asked_for}"


def _schema(table: Table, names: Iterable[str]) -> pa.Schema:
    """The declared types, and of the metadata only the comment: delta-rs gives it in a changing order."""
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
            f"{table.full_name} does not exist at {lake.uri(table)}; fill the lake with `lakehouse run`"
        ) from None


def _sql_runner(lake: Lake, table: Table, tables: dict[str, DeltaTable]) -> Callable[[str], pa.Table]:
    builder = QueryBuilder()
    for name, item in tables.items():
        builder.register(name, item)

    def run_sql(sql: str) -> pa.Table:
        try:
            return arrow_table(builder.execute(sql))
        except (DeltaError, OSError, pa.ArrowException) as error:
            raise LakeError(
                f"{table.full_name}: data files at {lake.uri(table)} are damaged or missing "
                f"({first_line(error)}); restore them from a backup, or move the folder away and build again"
            ) from None

    return run_sql


def _pylist(found: pa.Table) -> Records:
    rows: Records = found.to_pylist()
    return rows
