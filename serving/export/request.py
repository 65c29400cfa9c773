"""What an export is asked for, and the SQL condition that the question means."""

from dataclasses import dataclass
from datetime import date, datetime

from delta_tables.table import Table
from delta_tables.views.conditions import known_at
from serving.errors import ServingError
from serving.export.layouts import Layout
from serving.query.conditions import of_sessions
from serving.query.literals import checked_symbol, in_utc, literal, literals


@dataclass(frozen=True)
class ExportRequest:
    """Which rows are wanted: all symbols where none is named, all sessions where no end is, both included.

    `as_of` asks for the rows as they were known at an instant, else as they are known now. `adjusted` asks
    for bars adjusted for splits (`split`) or for cash paid out, too (`total`), else for those stored.
    """

    symbols: tuple[str, ...] = ()
    start: date | None = None
    end: date | None = None
    as_of: datetime | None = None
    interval: str | None = None
    provider: str | None = None
    adjusted: str | None = None

    @property
    def selection(self) -> dict[str, object]:
        """The question as a manifest shows it."""
        return {**vars(self), "symbols": sorted(set(self.symbols)) or None}


def row_condition(layout: Layout, request: ExportRequest) -> str:
    """The SQL condition of the wanted rows; when they were known, and their sessions, are left out.

    Raises:
        ServingError: a symbol that cannot be one; an option that the table has no column for; dates in the
            wrong order.
    """
    table = layout.table
    conditions = [layout.condition, symbol_condition(request)]
    if request.start and request.end and request.start > request.end:
        raise ServingError(f"sessions from {request.start} to {request.end}: the first is after the last")
    for name in ("interval", "provider"):
        if (value := getattr(request, name)) is not None:
            conditions.append(_equals(table, name, value))
    return " AND ".join(conditions)


def symbol_condition(request: ExportRequest) -> str:
    """The SQL condition of the wanted symbols.

    Raises:
        ServingError: one cannot be a symbol.
    """
    if not request.symbols:
        return "true"
    return f"symbol IN ({literals(map(checked_symbol, request.symbols))})"


def known_condition(table: Table, request: ExportRequest) -> str:
    """The SQL condition of the rows known at the instant asked for, or now.

    Raises:
        ServingError: an instant without a time zone, or any where the table keeps no history.
    """
    if "known_from" in table.columns:
        return f"({known_at(in_utc(request.as_of) if request.as_of else None)})"
    if request.as_of:
        raise ServingError(f"{table.full_name} holds what is known now only; leave out --as-of")
    return "true"


def range_condition(table: Table, first: date, last: date) -> str:
    """The SQL condition of sessions in a closed range, with no partition of the years' other sessions."""
    condition = of_sessions(table, first, last)
    if "partition_dt" not in table.columns:
        return condition
    years = literals(date(year, 1, 1) for year in range(first.year, last.year + 1))
    return f"{condition} AND (partition_dt >= {literal(first)} OR partition_dt IN ({years}))"


def _equals(table: Table, name: str, value: str) -> str:
    if name not in table.columns:
        raise ServingError(f"{table.full_name} has no {name}; leave out --{name}")
    return f'"{name}" = {literal(value)}'
