"""The run log (ops.runs): what was done, so that a killed run is taken up where it stopped."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import pyarrow.compute as pc

from delta_tables.storage.arrow_io import append_rows, read_rows
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.table import Table
from delta_tables.tables.bronze import RAW_PAYLOADS
from delta_tables.tables.ops import RUNS
from jobs.runs.run_context import utc_now

SILVER, GOLD, INGEST = "silver", "gold", "ingest"


@dataclass(frozen=True)
class StageResult:
    """How a stage ended; rows_bad counts rows or requests set aside, seconds is wall time."""

    stage: str
    subject: str
    status: str
    seconds: float = 0.0
    rows_in: int = 0
    rows_out: int = 0
    rows_bad: int = 0
    bronze_version: int | None = None
    consumed_runs: tuple[str, ...] = ()
    detail: str | None = None
    table_ids: str | None = None


def record(lake: Lake, run_id: str, result: StageResult) -> StageResult:
    """Appends the result to ops.runs and gives it back."""
    row = {**vars(result), "run_id": run_id, "at": utc_now(), "consumed_runs": list(result.consumed_runs)}
    append_rows(lake, RUNS, [row])
    return result


def record_start(lake: Lake, run_id: str, stage: str, subject: str) -> None:
    """Announces a stage before it changes a table: what it leaves behind when killed can be found."""
    record(lake, run_id, StageResult(stage, subject, "started"))


def record_failure(
    lake: Lake, run_id: str, stage: str, subject: str, seconds: float, error: Exception
) -> None:
    """Notes that a stage ended by an error, which goes on to its caller; the stage stays pending.

    Where the log cannot be written either (a full disk), the first error is the one to be seen.
    """
    detail = f"{type(error).__name__}: {error}"[:500]
    with suppress(LakeError):
        record(lake, run_id, StageResult(stage, subject, "failed", seconds, detail=detail))


def table_ids(lake: Lake, *tables: Table) -> str:
    """The ids of the stored tables: another id means a table that was moved away and made anew."""
    return " ".join(str(open_table(lake, table).metadata().id) for table in tables)


def built_version(lake: Lake, table: Table) -> int | None:
    """The version of Bronze up to which a Silver table has been built; None where it never was.

    What was built into, or from, a table that is no longer there does not count: a table that was
    moved away is built again from all of Bronze.
    """
    ids = table_ids(lake, RAW_PAYLOADS, table)
    where = (
        f"stage = '{SILVER}' AND subject = '{table.full_name}' AND status = 'done' AND table_ids = '{ids}'"
    )
    version = pc.max(read_rows(lake, RUNS, ["bronze_version"], where)["bronze_version"]).as_py()
    return None if version is None else int(version)


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
