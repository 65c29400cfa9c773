"""The run log (ops.runs): what was done, so that a killed run is taken up where it stopped."""

from dataclasses import dataclass

import pyarrow.compute as pc

from delta_tables.arrow_io import append_rows, read_rows
from delta_tables.lake import Lake
from delta_tables.ops import RUNS
from flows.workspace import utc_now

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


def record(lake: Lake, run_id: str, result: StageResult) -> StageResult:
    """Appends the result to ops.runs and gives it back."""
    row = {**vars(result), "run_id": run_id, "at": utc_now(), "consumed_runs": list(result.consumed_runs)}
    append_rows(lake, RUNS, [row])
    return result


def record_start(lake: Lake, run_id: str, stage: str, subject: str) -> None:
    """Announces a stage before it changes a table: what it leaves behind when killed can be found."""
    record(lake, run_id, StageResult(stage, subject, "started"))


def built_version(lake: Lake, subject: str) -> int | None:
    """The version of Bronze up to which `subject` has been built; None where it never was."""
    where = f"stage = '{SILVER}' AND subject = '{subject}' AND status = 'done'"
    version = pc.max(read_rows(lake, RUNS, ["bronze_version"], where)["bronze_version"]).as_py()
    return None if version is None else int(version)


def pending_runs(lake: Lake) -> tuple[str, ...]:
    """The runs that may have changed Silver and that no Gold run has taken in yet, sorted."""
    started = read_rows(lake, RUNS, ["run_id"], f"stage = '{SILVER}' AND status = 'started'")
    done = read_rows(lake, RUNS, ["consumed_runs"], f"stage = '{GOLD}' AND status = 'done'")
    consumed = {run for runs in done["consumed_runs"].to_pylist() for run in runs}
    return tuple(sorted(set(started["run_id"].to_pylist()) - consumed))


def recorded_clocks(lake: Lake) -> set[str]:
    """The clocks under which this lake was filled, as ingest stages recorded them."""
    rows = read_rows(lake, RUNS, ["detail"], f"stage = '{INGEST}' AND status = 'started'")
    return {detail for detail in rows["detail"].to_pylist() if detail}
