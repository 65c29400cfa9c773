"""What a replay judges anew: which payloads, and which days of flat files, fetched again where expired."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date

from config.load import ConfigError
from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.storage.landing_zone import present_files
from delta_tables.table import Table
from delta_tables.tables.bronze import RAW_FILES, RAW_PAYLOADS
from flows.handlers.errors import ProviderError
from flows.ingestion.fetch_files import restore_files
from flows.ingestion.fetch_payloads import Fetched
from flows.ingestion.source import PlanError
from flows.landing.flat_files import PROVIDER, LandedFile, landed_files
from jobs.parsing.flat_files import Universe, flat_file
from jobs.pipelines.pending_files import universe_of
from jobs.pipelines.replay_files import TABLE_OF, FileDay
from jobs.pipelines.silver_payloads import SILVER_TABLES, SilverTable
from jobs.runs.run_context import RunContext


@dataclass(frozen=True)
class Scope:
    """What to judge anew: these providers, symbols and tables, or all; their whole histories.

    `start` and `end` choose the series with a payload, and the days with a version of their file, received
    on one of these dates (UTC, both included). `tables` are names such as `silver.trades`: chosen is what
    they are made from, and of the payloads chosen every table that is made from them is judged.
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
        """Whether the table is meant."""
        return not self.tables or table.full_name in self.tables


@dataclass(frozen=True)
class KeptDays:
    """The days that can be judged anew, those that cannot and why, and what was fetched to that end."""

    days: tuple[FileDay, ...] = ()
    lost: tuple[FileDay, ...] = ()
    why: str = ""
    fetched: tuple[Fetched, ...] = ()


def scope_of(scope: Scope) -> Scope:
    """The scope with its tables by their full names, `trades` being `silver.trades`.

    Raises:
        PlanError: a table that is not made from Bronze; names those that are.
    """
    known = dict.fromkeys(
        table.full_name for table in (*(recipe.table for recipe in SILVER_TABLES), *TABLE_OF.values())
    )
    named = tuple(name if "." in name else f"silver.{name}" for name in scope.tables)
    if unknown := [name for name in named if name not in known]:
        raise PlanError(f"no table {unknown[0]!r} is made from Bronze; there are {', '.join(known)}")
    return replace(scope, tables=named)


def require_known(lake: Lake, scope: Scope) -> None:
    """Refuses a scope that names what never arrived, before an hour is spent on judging nothing.

    Raises:
        PlanError: a provider of which nothing lies in Bronze; a symbol, where all that lies there are
            payloads (which symbols a flat file has is known only when it is read).
        LakeError: Bronze cannot be read.
    """
    payloads = read_rows(lake, RAW_PAYLOADS, ["provider", "symbol"])
    files = set(read_rows(lake, RAW_FILES, ["provider"])["provider"].to_pylist())
    known = {"provider": files | set(payloads["provider"].to_pylist())}
    if not files:
        known["symbol"] = set(payloads["symbol"].to_pylist())
    named = {"provider": scope.providers, "symbol": scope.symbols}
    for what, there in known.items():
        if unknown := [name for name in named[what] if name not in there]:
            near = difflib.get_close_matches(unknown[0], there, n=3, cutoff=0.5)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise PlanError(f"nothing of the {what} {unknown[0]!r} lies in Bronze{hint}")


def payload_tables(scope: Scope) -> list[SilverTable]:
    """The tables made from payloads that are meant."""
    return [recipe for recipe in SILVER_TABLES if scope.has(recipe.table)]


def file_universe(ctx: RunContext, scope: Scope) -> Universe:
    """The symbols of the scope that are taken out of a file; None for all."""
    universe = universe_of(ctx)
    if not scope.symbols:
        return universe
    return frozenset(scope.symbols) if universe is None else universe & frozenset(scope.symbols)


def file_days(lake: Lake, scope: Scope) -> list[FileDay]:
    """The days of the scope, the oldest first, each with all its versions.

    Raises:
        LakeError: bronze.raw_files cannot be read.
    """
    if scope.providers and PROVIDER not in scope.providers:
        return []
    versions: dict[tuple[str, date], list[LandedFile]] = {}
    for file in landed_files(lake):
        if file.dataset in TABLE_OF and scope.has(TABLE_OF[file.dataset]):
            versions.setdefault((file.dataset, file.file_dt), []).append(file)
    first, last = scope.bounds
    return [
        FileDay(*day, tuple(flat_file(vars(file)) for file in files))
        for day, files in sorted(versions.items())
        if any(first <= file.fetched_at.astimezone(UTC).date() <= last for file in files)
    ]


def with_bytes(ctx: RunContext, scope: Scope) -> KeptDays:
    """The days of the scope with their bytes, of which those that have expired are fetched again.

    The bytes must be those that were landed, by SHA-256: a day of which the provider has other ones only, or
    none, is lost.

    Raises:
        LakeError: the landing area cannot be read or written.
    """
    days = file_days(ctx.lake, scope)
    missing = _missing(ctx.lake, days)
    if not missing:
        return KeptDays(tuple(days))
    fetched, why = _fetch_again(ctx, missing)
    days = file_days(ctx.lake, scope)  # the provider may have had a version that is new
    gone = {(file.dataset, file.file_dt) for file in _missing(ctx.lake, days)}
    return KeptDays(
        tuple(day for day in days if (day.dataset, day.file_dt) not in gone),
        tuple(day for day in days if (day.dataset, day.file_dt) in gone),
        why,
        fetched,
    )


def _missing(lake: Lake, days: Sequence[FileDay]) -> list[LandedFile]:
    wanted = {file.path for day in days for file in day.versions}
    gone = wanted - present_files(lake, sorted(wanted))
    return [file for file in landed_files(lake) if file.path in gone]


def _fetch_again(ctx: RunContext, missing: Sequence[LandedFile]) -> tuple[tuple[Fetched, ...], str]:
    """What came of it, and why not everything did, as far as that is known."""
    try:
        fetched = restore_files(ctx, missing)
    except (ConfigError, ProviderError) as error:
        return (), str(error)
    failures = dict.fromkeys(failure.message for each in fetched for failure in each.failures)
    return tuple(fetched), "; ".join(failures) or "the provider has other bytes now"
