"""What an export will write, known and judged before anything is written."""

import difflib
from collections import defaultdict
from dataclasses import dataclass

from delta_tables.storage.lake import Lake
from serving.errors import ServingError
from serving.export.layouts import Layout
from serving.export.request import ExportRequest
from serving.export.source import ExportSource, distinct_series, known_symbols, open_source, sessions
from serving.query.select import Records

_MAX_NAMED = 5


class NothingToExportError(ServingError):
    """No row is wanted; nothing was written, and what was there before is untouched."""


@dataclass(frozen=True)
class ExportPlan:
    """The sessions to export with their rows, and of what kinds (symbol, interval ...) the rows are."""

    source: ExportSource
    sessions: Records
    distinct_series: Records

    @property
    def total_rows(self) -> int:
        """The rows to export."""
        return sum(item["row_count"] for item in self.sessions)

    @property
    def is_simulated(self) -> bool:
        """Whether any of the rows was drawn."""
        return any(item["is_simulated"] for item in self.sessions)

    @property
    def symbols_without_rows(self) -> tuple[str, ...]:
        """The symbols asked for that have no row in the range."""
        return tuple(
            sorted({*self.source.request.symbols} - {item["symbol"] for item in self.distinct_series})
        )

    def values(self) -> dict[str, list[str]]:
        """Which intervals, providers and adjustments the rows have, as far as the table has the columns."""
        names = [name for name in self.distinct_series[0] if name != "symbol"]
        found = {f"{name}s": sorted({item[name] for item in self.distinct_series}) for name in names}
        adjusted = self.source.request.adjusted
        return found | {"adjustments": [adjusted]} if adjusted else found


def plan_export(lake: Lake, layout: Layout, request: ExportRequest) -> ExportPlan:
    """What the request means on the lake as it is now.

    Raises:
        NothingToExportError: no row is wanted.
        ServingError: a wrong question, or one whose answer would mix providers or intervals in an object.
        LakeError: the table cannot be read.
    """
    source = open_source(lake, layout, request)
    found = ExportPlan(source, sessions(source), distinct_series(source))
    if found.symbols_without_rows:
        _require_known(source, found.symbols_without_rows)
    if not found.sessions:
        raise NothingToExportError(
            f"no row of {layout.table.full_name} is meant by this; `lakehouse status` shows what there is; "
            "nothing was written"
        )
    if layout.is_by_symbol:
        for name in ("interval", "provider", *(() if request.adjusted else ("adjustment",))):
            _require_one_value(found.distinct_series, name)
    return found


def _require_known(source: ExportSource, symbols: tuple[str, ...]) -> None:
    known = known_symbols(source)
    unknown = [symbol for symbol in symbols if symbol not in known]
    if not unknown:
        return
    near = difflib.get_close_matches(unknown[0].upper(), sorted(known), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {len(known)} symbols"
    raise ServingError(f"{source.layout.name}: no rows of {_some(unknown)}; {hint}")


def _require_one_value(found: Records, name: str) -> None:
    """An object names neither interval nor provider: a symbol of several would be one series no more."""
    values: dict[str, set[str]] = defaultdict(set)
    for item in found:
        values[item["symbol"]].add(item[name])
    mixed = next((symbol for symbol in sorted(values) if len(values[symbol]) > 1), None)
    if mixed:
        option = "another --provider" if name == "adjustment" else f"--{name}"
        raise ServingError(
            f"{mixed} has bars of {name} {' and '.join(sorted(values[mixed]))}, "
            f"which one file cannot tell apart; choose with {option}"
        )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more
