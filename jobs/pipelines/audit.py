"""The gate between a batch and its table: audited, recorded, and only then let through."""

from collections.abc import Sequence

from pyspark.sql import DataFrame

from delta_tables.storage.arrow_io import append_rows
from delta_tables.table import Table
from delta_tables.tables.ops import GATE_RESULTS
from jobs.runs.run_context import RunContext, utc_now
from quality.gate import GateResult, require_pass, scan_batch


def audit(ctx: RunContext, batch_df: DataFrame, table: Table) -> GateResult:
    """The verdict on what is to be written into a table, recorded in ops.gate_results.

    Where the table declares values, none may be missing; the stored table does not judge that
    (docs/adr/0003).

    Raises:
        GateFailed: the batch must not be published; nothing has been changed.
    """
    return audit_view(ctx, batch_df, table.dataset, table.required_columns)


def audit_view(
    ctx: RunContext, batch_df: DataFrame, dataset: str, required: Sequence[str] = ()
) -> GateResult:
    """The verdict on what a view will show of a batch, recorded; raises GateFailed as audit does."""
    now = utc_now()
    checks = ctx.checks / f"{dataset}.yml"
    result = scan_batch(batch_df.sparkSession, batch_df, dataset, checks, now, required)
    append_rows(ctx.lake, GATE_RESULTS, _rows(result, ctx.run_id))
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
