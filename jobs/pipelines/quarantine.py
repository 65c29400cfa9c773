"""Validated rows: how many there are, and how the invalid ones get into the quarantine."""

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
from quality.gate_result import GateResult


@dataclass(frozen=True)
class ValidatedBatch:
    """Validated rows, staged under `name`: their number, how many are invalid, first and last partition."""

    rows_df: DataFrame
    row_count: int
    invalid_count: int
    name: str
    bounds: Bounds = None

    @property
    def valid_count(self) -> int:
        """How many rows broke no rule."""
        return self.row_count - self.invalid_count


def validated_batch(validated_df: DataFrame, name: str, dated_by: Sequence[str] = ()) -> ValidatedBatch:
    """The rows with their counts, in one query; `dated_by`: the partition column of `bounds`, if any."""
    is_invalid = F.count(F.when(F.size("reasons") > 0, F.lit(1)))
    dates = [bound(column) for column in dated_by for bound in (F.min, F.max)]
    row_count, invalid_count, *found = validated_df.agg(F.count(F.lit(1)), is_invalid, *dates).collect()[0]
    bounds = (found[0], found[1]) if found and found[0] else None
    return ValidatedBatch(validated_df, int(row_count), int(invalid_count), name, bounds)


def quarantine_invalid(ctx: RunContext, validated: ValidatedBatch) -> GateResult | None:
    """Writes the invalid rows into silver.quarantine, and returns their gate result; None without such rows.

    The result's row_count is the number of rows that were written or were there already.

    Raises:
        GateFailed: they must not be written.
    """
    if not validated.invalid_count:
        return None
    spark = validated.rows_df.sparkSession
    stored_df = read_table(spark, ctx.lake, QUARANTINE)
    invalid_df = quarantine_rows(validated.rows_df, stored_df, ctx.run_id)
    invalid_df = staged(ctx, invalid_df, f"{validated.name}_invalid")
    result = audit(ctx, invalid_df, QUARANTINE)
    merge_rows(ctx.lake, QUARANTINE, invalid_df, None)
    return result
