"""What the run log (ops.runs) says was done, so that a killed run continues where it stopped."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from delta_tables.storage.arrow_io import query_rows, read_rows
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.bronze import RAW_PAYLOADS
from delta_tables.tables.ops import RUNS

SILVER, GOLD, INGEST = "silver", "gold", "ingest"


def table_ids(lake: Lake, *tables: Table) -> str:
    """The ids of the stored tables; a table that was moved away and created again has another id."""
    return " ".join(str(open_table(lake, table).metadata().id) for table in tables)


def built_version(lake: Lake, table: Table) -> int | None:
    """The version of Bronze up to which a Silver table has been built; None where it never was.

    What was built into, or from, a table that is no longer there does not count: a table that was
    moved away is built again from all of Bronze.
    """
    return built_versions(lake, (table,))[table]


def built_versions(lake: Lake, tables: Sequence[Table]) -> dict[Table, int | None]:
    """The built_version of each Silver table, from one reading of the run log."""
    raw_id = table_ids(lake, RAW_PAYLOADS)
    ids = {table: f"{raw_id} {table_ids(lake, table)}" for table in tables}
    sql = (
        "SELECT subject, table_ids, max(bronze_version) AS version FROM stored "  # noqa: S608 - our names
        f"WHERE stage = '{SILVER}' AND status = 'done' GROUP BY subject, table_ids"
    )
    rows = query_rows(lake, RUNS, sql)
    built = {} if rows is None else {(row[0], row[1]): row[2] for row in _tuples(rows)}
    return {table: built.get((table.full_name, ids[table])) for table in tables}


def _tuples(rows: pa.Table) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in rows.to_pylist()]


def pending_runs(lake: Lake) -> tuple[str, ...]:
    """The runs that may have changed Silver and that no Gold run has taken in yet, sorted."""
    started = read_rows(lake, RUNS, ["run_id"], f"stage = '{SILVER}' AND status = 'started'")
    done = read_rows(lake, RUNS, ["consumed_runs"], f"stage = '{GOLD}' AND status = 'done'")
    consumed = {run for runs in done["consumed_runs"].to_pylist() for run in runs}
    return tuple(sorted(set(started["run_id"].to_pylist()) - consumed))


def gold_was_replaced(lake: Lake, tables: Sequence[Table]) -> bool:
    """Whether Gold has been built before, and into other tables than those that are there now."""
    done = read_rows(lake, RUNS, ["table_ids"], f"stage = '{GOLD}' AND status = 'done'")
    built = {ids for ids in done["table_ids"].to_pylist() if ids}
    return bool(built) and table_ids(lake, *tables) not in built


def recorded_clocks(lake: Lake) -> set[str]:
    """The clocks under which this lake was filled, as ingest stages recorded them."""
    rows = read_rows(lake, RUNS, ["detail"], f"stage = '{INGEST}' AND status = 'started'")
    return {detail for detail in rows["detail"].to_pylist() if detail}
