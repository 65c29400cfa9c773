"""The request of an export, and its SQL conditions."""

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
    """The rows to export: of all symbols if none is named; from session `start` to `end`, both included.

    An end that is None is open. `as_of` exports the rows as they were known at an instant, otherwise as known
    now. `adjusted` exports bars adjusted for splits (`split`) or for splits and cash payments (`total`),
    otherwise as stored.
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
        """The request as shown in the manifest."""
        return {**vars(self), "symbols": sorted(set(self.symbols)) or None}


def row_condition(layout: Layout, request: ExportRequest) -> str:
    """The SQL condition of the requested rows, except for their sessions and when they were known.

    Raises:
        ServingError: a symbol is not valid, the table has no column for an option, or the dates are in the
            wrong order.
    """
    table = layout.table
    conditions = [layout.condition, symbol_condition(request)]
    if request.start and request.end and request.start > request.end:
        raise ServingError(
            f"the first session {request.start} is after the last, {request.end}; swap the two"
        )
    for name in ("interval", "provider"):
        if (value := getattr(request, name)) is not None:
            conditions.append(_equals(table, name, value))
    return " AND ".join(conditions)


def symbol_condition(request: ExportRequest) -> str:
    """The SQL condition of the requested symbols.

    Raises:
        ServingError: a symbol is not valid.
    """
    if not request.symbols:
        return "true"
    return f"symbol IN ({literals(map(checked_symbol, request.symbols))})"


def known_condition(table: Table, request: ExportRequest) -> str:
    """The SQL condition of the rows known at the requested instant, or now.

    Raises:
        ServingError: the instant has no time zone, or the table keeps no history.
    """
    if "known_from" in table.columns:
        return f"({known_at(in_utc(request.as_of) if request.as_of else None)})"
    if request.as_of:
        raise ServingError(f"{table.full_name} keeps no history; omit --as-of")
    return "true"


def range_condition(table: Table, first: date, last: date) -> str:
    """The SQL condition of sessions in a closed range, limited to the partitions that can hold them."""
    condition = of_sessions(table, first, last)
    if "partition_dt" not in table.columns:
        return condition
    years = literals(date(year, 1, 1) for year in range(first.year, last.year + 1))
    return f"{condition} AND (partition_dt >= {literal(first)} OR partition_dt IN ({years}))"


def _equals(table: Table, name: str, value: str) -> str:
    if name not in table.columns:
        raise ServingError(f"{table.full_name} has no column {name}; omit --{name}")
    return f'"{name}" = {literal(value)}'
