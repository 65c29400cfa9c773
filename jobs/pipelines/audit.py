"""The gate between a batch and its table: scanned, recorded, and only then let through."""

from collections.abc import Sequence

from pyspark.sql import DataFrame

from delta_tables.storage.arrow_io import append_rows
from delta_tables.table import Table
from delta_tables.tables.ops import GATE_RESULTS
from delta_tables.tables.silver import BARS
from jobs.pipelines.staging import staged
from jobs.runs.clock import utc_now
from jobs.runs.run_context import RunContext
from jobs.silver.bars import stock_clean, stock_clean_single_series, stock_series
from quality.gate import scan_batch
from quality.gate_result import GateResult, require_pass


def audit(ctx: RunContext, batch_df: DataFrame, table: Table) -> GateResult:
    """The gate result for the rows to be written into a table, recorded in ops.gate_results.

    No value may be missing in a column that is declared NOT NULL; the stored table does not check that
    (docs/adr/0003).

    Raises:
        GateFailed: the batch must not be published; nothing has been changed.
    """
    return audit_view(ctx, batch_df, table.dataset, table.required_columns)


def audit_view(
    ctx: RunContext, batch_df: DataFrame, dataset: str, required: Sequence[str] = ()
) -> GateResult:
    """The gate result for what a view will show of a batch, recorded; raises GateFailed as `audit` does."""
    now = utc_now()
    checks = ctx.checks / f"{dataset}.yml"
    result = scan_batch(batch_df.sparkSession, batch_df, dataset, checks, now, required)
    append_rows(ctx.lake, GATE_RESULTS, _rows(result, ctx.run_id))
    require_pass(result)
    return result


def audit_upserts(ctx: RunContext, upserts_df: DataFrame, table: Table) -> list[GateResult]:
    """The gate results for the rows to be written into a table; for bars also of silver_stock_clean.

    Raises:
        GateFailed: the rows must not be published.
    """
    gates = [audit(ctx, upserts_df, table)]
    if table is BARS:
        series = stock_series(upserts_df)
        if len(series) == 1:
            clean_df = stock_clean_single_series(upserts_df)
        elif series:  # rows are selected by a window: once, since the gate reads them several times
            clean_df = staged(ctx, stock_clean(upserts_df), "stock_clean")
        if series:
            gates.append(audit_view(ctx, clean_df, "silver_stock_clean"))
    return gates


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
