"""The versions of the tables that a run wrote, as ops.runs records them, and whether they are still there."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from delta_tables.storage.arrow_io import query_rows
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.table_commit import drain_written_tables
from delta_tables.table import Table
from delta_tables.tables.catalogue import ALL_TABLES
from delta_tables.tables.ops import RUNS

_NEWEST = """
    SELECT s['table'] AS name, s['table_id'] AS table_id,
           last_value(s['version'] ORDER BY at) AS version, last_value(run_id ORDER BY at) AS run_id
    FROM (SELECT at, run_id, unnest(table_versions) AS s FROM stored WHERE table_versions IS NOT NULL) AS each
    GROUP BY 1, 2
"""


def written_versions(lake: Lake) -> list[dict[str, object]]:
    """Name, id and version of each table but those of ops that this process has written since the last call.

    Raises:
        LakeError: one of them cannot be read.
    """
    tables = sorted(drain_written_tables(lake) & set(ALL_TABLES), key=lambda table: table.full_name)
    return [table_version(lake, table) for table in tables if table.layer != "ops"]


def table_version(lake: Lake, table: Table) -> dict[str, object]:
    """Name, id and version of a stored table, as a value of `table_versions`.

    Raises:
        LakeError: it cannot be read.
    """
    stored = open_table(lake, table)
    return {"table": table.full_name, "table_id": str(stored.metadata().id), "version": stored.version()}


@dataclass(frozen=True)
class LostCommits:
    """A table that is at an earlier version (`found`) than the run `run_id` has recorded."""

    table: Table
    found: int
    recorded: int
    run_id: str

    def __str__(self) -> str:
        name = self.table.full_name
        remedy = (
            f"Else accept the loss with `lakehouse repair {name}` and fetch what is missing again"
            if self.table.layer == "bronze"
            else f"Else build it again from Bronze with `lakehouse repair {name}`"
        )
        return (
            f"{name} is at version {self.found}, but run {self.run_id} has recorded version {self.recorded}: "
            "its newest commits were lost, by a power failure or an older copy of the folder. Restore "
            f"the folder from a backup that has version {self.recorded}. {remedy}. Nothing was changed."
        )


def require_recorded_versions(lake: Lake) -> None:
    """Checks that no table lacks a commit that a run has recorded.

    A table that was set aside and created again has another id, and is not compared.

    Raises:
        LakeError: a table is at an earlier version than recorded; says which and what to do.
    """
    if lost := next(lost_commits(lake), None):
        raise LakeError(str(lost))


def lost_commits(lake: Lake, tables: Collection[Table] = ALL_TABLES) -> Iterator[LostCommits]:
    """Those of the tables that are at an earlier version than a run has recorded.

    Raises:
        LakeError: a table cannot be read.
    """
    recorded = query_rows(lake, RUNS, _NEWEST)
    by_id = {} if recorded is None else {row["table_id"]: row for row in recorded.to_pylist()}
    names = {row["name"] for row in by_id.values()}
    for table in (table for table in tables if table.full_name in names):
        stored = _stored(lake, table)
        row = by_id.get(str(stored.metadata().id)) if stored else None
        if stored and row and stored.version() < row["version"]:
            yield LostCommits(table, stored.version(), row["version"], row["run_id"])


def _stored(lake: Lake, table: Table) -> DeltaTable | None:
    try:
        return open_table(lake, table)
    except TableNotFoundError:  # moved away by its owner; it will be created again
        return None
