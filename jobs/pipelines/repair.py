"""Sets damaged tables aside and prepares them to be built again; Bronze and Ops keep all readable rows."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from delta_tables.integrity.set_aside import set_aside, take_over_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.bronze import TABLES as BRONZE_TABLES
from delta_tables.tables.catalogue import BY_NAME
from delta_tables.tables.ops import GATE_RESULTS, RUNS
from delta_tables.tables.silver import QUARANTINE
from jobs.pipelines.scrub import ScrubbedLake
from jobs.runs.errors import PlanError
from jobs.runs.run_context import RunContext
from jobs.runs.stage import StageResult, record_all
from jobs.runs.table_versions import table_version

REPAIR = "repair"
_KEEPS_ROWS = (*BRONZE_TABLES, RUNS, GATE_RESULTS)  # append-only, and not built from anything


@dataclass(frozen=True)
class RepairedTable:
    """A table that was set aside at `path` below the lake's root and created again.

    `rows` were taken over from there; None for a table that is built again. `unsound` files were not.
    """

    table: Table
    path: str
    rows: int | None = None
    unsound: tuple[str, ...] = ()


def tables_to_repair(found: ScrubbedLake, names: Sequence[str]) -> list[Table]:
    """The tables of these names; without names those that are damaged, but no Bronze that would lose rows.

    Raises:
        PlanError: a name that no table has.
    """
    if unknown := [name for name in names if name not in BY_NAME]:
        raise PlanError(f"there is no table {unknown[0]!r}; there are {', '.join(BY_NAME)}")
    if names:
        return [BY_NAME[name] for name in dict.fromkeys(names)]
    return [table for table in found.damaged_tables if table not in irreparable_tables(found)]


def irreparable_tables(found: ScrubbedLake) -> set[Table]:
    """Append-only tables of which data are gone: no other data can replace them, only a backup."""
    damaged = {damage.table for damage in found.damages if not damage.is_log}
    return damaged & set(_KEEPS_ROWS)


def repair_tables(ctx: RunContext, tables: Collection[Table]) -> list[RepairedTable]:
    """Sets the tables aside, creates them again, and takes over the rows of those that nothing rebuilds.

    The context must be that of the lake's sole writer.

    Raises:
        LakeError: a table cannot be moved or written; those before it are repaired.
    """
    repaired = list(_repaired(ctx.lake, tables, ctx.run_id))
    create_tables(ctx.lake)
    record_all(ctx, [_result(ctx.lake, one) for one in repaired])
    return repaired


def needs_replay(tables: Collection[Table]) -> bool:
    """Whether what was lost comes back only if everything is processed again."""
    return QUARANTINE in tables


def _repaired(lake: Lake, tables: Collection[Table], run_id: str) -> Iterator[RepairedTable]:
    for table in tables:
        lake.require_writer()
        path = set_aside(lake, table, run_id)
        create_tables(lake, [table])
        if table in _KEEPS_ROWS:
            rows, unsound = take_over_rows(lake, table, path)
            yield RepairedTable(table, path, rows, tuple(unsound))
        else:
            yield RepairedTable(table, path)


def _result(lake: Lake, repaired: RepairedTable) -> StageResult:
    table = repaired.table
    left = f"; rows of {len(repaired.unsound)} unsound files were left" if repaired.unsound else ""
    version = () if table.layer == "ops" else (table_version(lake, table),)
    return StageResult(
        REPAIR,
        table.full_name,
        "done",
        rows_out=repaired.rows or 0,
        detail=f"set aside in {repaired.path}{left}",
        table_versions=version,
    )
