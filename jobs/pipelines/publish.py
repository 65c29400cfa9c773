"""Publishes the changes of one table: audit the rows to be written, quarantine invalid rows, commit once."""

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from delta_tables.table import Table
from jobs.engine.table_io import Bounds, append_first, date_bounds, merge_history
from jobs.history.bitemporal import CHANGE_TYPE
from jobs.pipelines.audit import audit_upserts
from jobs.pipelines.quarantine import ValidatedBatch, quarantine_invalid
from jobs.pipelines.staging import staged
from jobs.runs.run_context import RunContext
from jobs.runs.stage import OpenStage
from quality.gate_result import GateResult


@dataclass(frozen=True)
class TableChanges:
    """What a batch changes in a table: rows with CHANGE_TYPE, staged, and how many of each kind there are.

    `bounds`: first and last partition date of the rows; `is_initial`: nothing is stored of their keys' range.
    """

    table: Table
    rows_df: DataFrame
    upserts: int
    deletes: int = 0
    bounds: Bounds = None
    is_initial: bool = False

    @property
    def row_count(self) -> int:
        """How many rows change."""
        return self.upserts + self.deletes

    @property
    def upserts_df(self) -> DataFrame:
        """The rows to be written, without CHANGE_TYPE."""
        return self.rows_df.filter(F.col(CHANGE_TYPE) == "upsert").drop(CHANGE_TYPE)


def staged_changes(
    ctx: RunContext, table: Table, changes_df: DataFrame, name: str, bounds: Bounds = None
) -> TableChanges:
    """The changes computed once under `name`, and counted; without `bounds` they are looked up."""
    staged_df = staged(ctx, changes_df, name)
    is_upsert = F.count(F.when(F.col(CHANGE_TYPE) == "upsert", F.lit(1)))
    total, upserts = staged_df.agg(F.count(F.lit(1)), is_upsert).collect()[0]
    if total and bounds is None and table.partition_by:
        bounds = date_bounds(staged_df, table.partition_by[0])
    return TableChanges(table, staged_df, int(upserts), int(total) - int(upserts), bounds)


def publish_changes(
    ctx: RunContext,
    changes: TableChanges,
    stage: OpenStage,
    validated: ValidatedBatch | None = None,
) -> None:
    """Audits the rows to be written, quarantines the invalid rows of `validated`, then commits once.

    Counts and gate results are added to `stage`. Nothing is committed where nothing changes.

    Raises:
        GateFailed, SchemaMismatch: the batch was refused; nothing of it was written.
    """
    stage.gates += audit_changes(ctx, changes)
    if validated is not None and (quarantined := quarantine_invalid(ctx, validated)):
        stage.gates.append(quarantined)
        stage.rows_bad += quarantined.row_count
    commit_changes(ctx, changes)
    stage.rows_out += changes.row_count


def audit_changes(ctx: RunContext, changes: TableChanges) -> list[GateResult]:
    """The gate results for the rows to be written; none where rows are only removed.

    Raises:
        GateFailed: the rows must not be published.
    """
    return audit_upserts(ctx, changes.upserts_df, changes.table) if changes.upserts else []


def commit_changes(ctx: RunContext, changes: TableChanges) -> None:
    """Writes the changes in one commit: an append where nothing is stored of the range, else a MERGE."""
    if changes.row_count and changes.is_initial:
        append_first(ctx.lake, changes.table, changes.rows_df)
    elif changes.row_count:
        merge_history(ctx.lake, changes.table, changes.rows_df, changes.bounds)
