"""The gate between a batch and its table: audited, recorded, and only then let through."""

from pyspark.sql import DataFrame

from delta_tables.arrow_io import append_rows
from delta_tables.ops import GATE_RESULTS
from flows.workspace import Workspace, utc_now
from quality.gate import GateResult, require_pass, scan_batch


def audit(work: Workspace, batch_df: DataFrame, dataset: str) -> GateResult:
    """The verdict on a batch, recorded in ops.gate_results.

    Raises:
        GateFailed: the batch must not be published; nothing has been changed.
    """
    now = utc_now()
    result = scan_batch(batch_df.sparkSession, batch_df, dataset, work.checks / f"{dataset}.yml", now)
    append_rows(work.lake, GATE_RESULTS, _rows(result, work.run_id))
    require_pass(result)
    return result


def _rows(result: GateResult, run_id: str) -> list[dict[str, object]]:
    shared = {
        "run_id": run_id,
        "dataset": result.dataset,
        "row_count": result.row_count,
        "at": utc_now(),
    }
    checks = [
        {**shared, "check": each.name, "outcome": each.outcome, "value": _text(each.value)}
        for each in result.outcomes
    ]
    errors = [
        {**shared, "check": "gate", "outcome": "error", "value": error[:500]} for error in result.errors
    ]
    return checks + errors


def _text(value: object) -> str | None:
    return None if value is None else str(value)
