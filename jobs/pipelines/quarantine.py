"""Rows that have been judged: how many there are, and what becomes of the bad ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from delta_tables.tables.silver import QUARANTINE
from jobs.engine.table_io import Bounds, merge_rows, read_table
from jobs.pipelines.audit import audit
from jobs.pipelines.staging import staged
from jobs.runs.run_context import RunContext
from jobs.silver.quarantine import quarantine_rows
from quality.gate import GateResult


@dataclass(frozen=True)
class JudgedRows:
    """Judged rows, staged; their number, how many are bad, their dates' bounds where asked for."""

    rows_df: DataFrame
    row_count: int
    bad_count: int
    bounds: Bounds = None


def counted_rows(judged_df: DataFrame, dated_by: Sequence[str] = ()) -> JudgedRows:
    """The rows with what is to be known of them, asked at once; `dated_by`: the column that bounds are of."""
    is_bad = F.count(F.when(F.size("reasons") > 0, F.lit(1)))
    dates = [each(name) for name in dated_by for each in (F.min, F.max)]
    row_count, bad_count, *bounds = judged_df.agg(F.count(F.lit(1)), is_bad, *dates).collect()[0]
    found = (bounds[0], bounds[1]) if bounds and bounds[0] else None
    return JudgedRows(judged_df, int(row_count), int(bad_count), found)


def set_aside(ctx: RunContext, judged: JudgedRows, name: str) -> GateResult | None:
    """The verdict on the bad rows, once they are in silver.quarantine; None where there are none.

    `name` names what is staged. The verdict's row_count says how many were written or found there.

    Raises:
        GateFailed: they must not be written.
    """
    if not judged.bad_count:
        return None
    spark = judged.rows_df.sparkSession
    bad_df = quarantine_rows(judged.rows_df, read_table(spark, ctx.lake, QUARANTINE), ctx.run_id)
    bad_df = staged(ctx, bad_df, name)
    verdict = audit(ctx, bad_df, QUARANTINE)
    merge_rows(ctx.lake, QUARANTINE, bad_df, None)
    return verdict
