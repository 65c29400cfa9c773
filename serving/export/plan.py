"""The plan of an export, checked before anything is written."""

from collections import defaultdict
from dataclasses import dataclass

from delta_tables.storage.lake import Lake
from serving.errors import ServingError
from serving.export.layouts import Layout
from serving.export.request import ExportRequest
from serving.export.source import ExportSource, distinct_series, known_symbols, open_source, sessions
from serving.query.near_symbols import near_or_all
from serving.query.selected_rows import Records

_MAX_NAMED = 5


class NothingToExportError(ServingError):
    """The request selects no rows; nothing was written, and existing objects were not changed."""


@dataclass(frozen=True)
class ExportPlan:
    """The sessions to export with their row counts, and the series (symbol, interval ...) of the rows."""

    source: ExportSource
    sessions: Records
    distinct_series: Records

    @property
    def total_rows(self) -> int:
        """The number of rows to export."""
        return sum(session["row_count"] for session in self.sessions)

    @property
    def is_simulated(self) -> bool:
        """Whether any of the rows are simulated."""
        return any(session["is_simulated"] for session in self.sessions)

    @property
    def symbols_without_rows(self) -> tuple[str, ...]:
        """The requested symbols without rows in the range."""
        return tuple(sorted({*self.source.request.symbols} - {row["symbol"] for row in self.distinct_series}))

    def values(self) -> dict[str, list[str]]:
        """The intervals, providers and adjustments of the rows, as far as the table has these columns."""
        names = [name for name in self.distinct_series[0] if name != "symbol"]
        values = {f"{name}s": sorted({row[name] for row in self.distinct_series}) for name in names}
        adjusted = self.source.request.adjusted
        return values | {"adjustments": [adjusted]} if adjusted else values


def plan_export(lake: Lake, layout: Layout, request: ExportRequest) -> ExportPlan:
    """The plan of the request on the current version of the lake.

    Raises:
        NothingToExportError: the request selects no rows.
        ServingError: the request is wrong, or would mix providers or intervals in one object.
        LakeError: the table cannot be read.
    """
    source = open_source(lake, layout, request)
    plan = ExportPlan(source, sessions(source), distinct_series(source))
    if plan.symbols_without_rows:
        _require_known(source, plan.symbols_without_rows)
    if not plan.sessions:
        raise NothingToExportError(
            f"the request selects no rows of {layout.table.full_name}, so nothing was written; "
            "`lakehouse status` shows what the lake holds"
        )
    if layout.is_by_symbol:
        for name in ("interval", "provider", *(() if request.adjusted else ("adjustment",))):
            _require_one_value(plan.distinct_series, name)
    return plan


def _require_known(source: ExportSource, symbols: tuple[str, ...]) -> None:
    known = known_symbols(source)
    unknown = [symbol for symbol in symbols if symbol not in known]
    if not unknown:
        return
    hint = near_or_all(unknown[:1], known, source.layout.table.full_name)
    raise ServingError(f"{source.layout.name}: there are no rows of {_abbreviated(unknown)}; {hint}")


def _require_one_value(series: Records, name: str) -> None:
    """Returns if each symbol has one value of the column, as objects do not contain interval and provider."""
    values: dict[str, set[str]] = defaultdict(set)
    for row in series:
        values[row["symbol"]].add(row[name])
    mixed = next((symbol for symbol in sorted(values) if len(values[symbol]) > 1), None)
    if mixed:
        option = "another --provider" if name == "adjustment" else f"--{name}"
        raise ServingError(
            f"{mixed} has bars of {name} {' and '.join(sorted(values[mixed]))}, "
            f"which one file cannot distinguish; choose one with {option}"
        )


def _abbreviated(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more
