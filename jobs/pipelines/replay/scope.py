"""What a replay reprocesses: providers, symbols, dates of receipt and tables."""

import difflib
from dataclasses import dataclass, replace
from datetime import date

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.bronze import RAW_FILES, RAW_PAYLOADS
from jobs.parsing.flat_files import Universe
from jobs.pipelines.replay.files import TABLE_OF
from jobs.pipelines.silver.pending_files import universe_of
from jobs.pipelines.silver.tables import SILVER_PIPELINES, SilverPipeline
from jobs.runs.errors import PlanError
from jobs.runs.run_context import RunContext


@dataclass(frozen=True)
class ReplayScope:
    """What to reprocess: the whole histories of these providers, symbols and tables, or of all.

    `start` and `end` select the series with a payload, and the days with a version of their file, received
    on one of these dates (UTC, both included). `tables` are names such as `silver.trades`: they select what
    those tables are built from, and every table built from the selected payloads is reprocessed.
    """

    providers: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    start: date | None = None
    end: date | None = None
    tables: tuple[str, ...] = ()

    @property
    def bounds(self) -> tuple[date, date]:
        """The first and the last date of receipt."""
        return self.start or date.min, self.end or date.max

    def has(self, table: Table) -> bool:
        """Whether the table is in the scope."""
        return not self.tables or table.full_name in self.tables


def resolve_scope(scope: ReplayScope) -> ReplayScope:
    """The scope with its tables by their full names, `trades` being `silver.trades`.

    Raises:
        PlanError: a table that is not built from Bronze; the message names those that are.
    """
    built = (*(pipeline.table for pipeline in SILVER_PIPELINES), *TABLE_OF.values())
    known = dict.fromkeys(table.full_name for table in built)
    names = tuple(name if "." in name else f"silver.{name}" for name in scope.tables)
    if unknown := [name for name in names if name not in known]:
        raise PlanError(f"no table {unknown[0]!r} is built from Bronze; there are {', '.join(known)}")
    return replace(scope, tables=names)


def require_known(lake: Lake, scope: ReplayScope) -> None:
    """Refuses a scope that names what never arrived, before an hour is spent on reprocessing nothing.

    Raises:
        PlanError: Bronze holds nothing of a provider; nothing of a symbol, if it holds payloads only (the
            symbols of a flat file are known only when it is read).
        LakeError: Bronze cannot be read.
    """
    payloads = read_rows(lake, RAW_PAYLOADS, ["provider", "symbol"])
    file_providers = set(read_rows(lake, RAW_FILES, ["provider"])["provider"].to_pylist())
    known = {"provider": file_providers | set(payloads["provider"].to_pylist())}
    if not file_providers:
        known["symbol"] = set(payloads["symbol"].to_pylist())
    named = {"provider": scope.providers, "symbol": scope.symbols}
    for kind, names in known.items():
        if unknown := [name for name in named[kind] if name not in names]:
            close = difflib.get_close_matches(unknown[0], names, n=3, cutoff=0.5)
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            raise PlanError(f"Bronze holds nothing of the {kind} {unknown[0]!r}{hint}")


def payload_pipelines(scope: ReplayScope) -> list[SilverPipeline]:
    """The pipelines of the scope that build from payloads."""
    return [pipeline for pipeline in SILVER_PIPELINES if scope.has(pipeline.table)]


def file_universe(ctx: RunContext, scope: ReplayScope) -> Universe:
    """The symbols of the scope that are taken out of a file; None for all."""
    universe = universe_of(ctx)
    if not scope.symbols:
        return universe
    return frozenset(scope.symbols) if universe is None else universe & frozenset(scope.symbols)
