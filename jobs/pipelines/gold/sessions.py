"""Builds Gold from the Silver rows that changed: compute, stage, audit, publish."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from delta_tables.table import Table
from delta_tables.tables.gold import DAILY_KPIS, SIGNALS, STOCK_OVERVIEW
from delta_tables.tables.gold import TABLES as SESSION_TABLES
from delta_tables.tables.gold_reconciliation import TABLES as BREAK_TABLES
from delta_tables.tables.silver import FUNDAMENTALS
from jobs.engine.table_io import (
    count_rows,
    date_bounds,
    merge_rows,
    read_table,
    replace_rows,
)
from jobs.gold import session_rows as gold
from jobs.gold.metrics import preferred_days, session_metrics
from jobs.gold.signals import all_signals
from jobs.gold.split_adjustment import has_splits, split_adjusted_days, unadjusted_days
from jobs.gold.stock_overview import stock_overview
from jobs.pipelines.audit import audit
from jobs.pipelines.gold.affected_days import gold_days
from jobs.pipelines.gold.reconciliation import break_changes
from jobs.pipelines.publish import audit_changes, commit_changes
from jobs.pipelines.staging import staged
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import GOLD, gold_was_replaced, pending_runs, table_ids
from jobs.runs.stage import OpenStage, StageResult, recorded_stage

SUBJECT = "gold"
GOLD_TABLES = (*SESSION_TABLES, *BREAK_TABLES)


@dataclass(frozen=True)
class _Batch:
    table: Table
    rows_df: DataFrame
    row_count: int


def build_gold(ctx: RunContext, spark: SparkSession) -> StageResult:
    """Recomputes the sessions affected by changed Silver rows, and publishes them table by table.

    The changes are found by the runs that made them, so the next run makes good for one that was killed. A
    refused batch stays pending. If a Gold table was moved away and created again, all of Gold is computed
    again.
    """
    pending = pending_runs(ctx.lake)
    if gold_was_replaced(ctx.lake, GOLD_TABLES):
        return rebuild_gold(ctx, spark)
    if not pending:
        return StageResult(GOLD, SUBJECT, "nothing_new")
    return _build(ctx, spark, pending, pending)


def rebuild_gold(ctx: RunContext, spark: SparkSession) -> StageResult:
    """Recomputes all of Gold, after a threshold or a formula has changed."""
    return _build(ctx, spark, None, pending_runs(ctx.lake))


def _build(
    ctx: RunContext, spark: SparkSession, run_ids: Sequence[str] | None, consumed: tuple[str, ...]
) -> StageResult:
    with recorded_stage(ctx, GOLD, SUBJECT) as stage:
        _publish(ctx, spark, run_ids, stage)
        stage.consumed_runs = consumed
        stage.table_ids = table_ids(ctx.lake, *GOLD_TABLES)
    return stage.result


def _publish(ctx: RunContext, spark: SparkSession, run_ids: Sequence[str] | None, stage: OpenStage) -> None:
    """Audits all batches, then publishes them.

    Computed in full, Gold holds nothing else afterwards: a session whose last bar is gone goes, too. A table
    for which no row at all is left keeps its rows, since an empty batch passes no gate.
    """
    days = gold_days(ctx, spark, run_ids)
    batches = _batches(ctx, spark, days.rows_df) if days.rows_df is not None else []
    breaks = break_changes(ctx, spark, run_ids, days.changed_df)
    stage.gates += [audit(ctx, batch.rows_df, batch.table) for batch in batches]
    stage.gates += audit_changes(ctx, breaks) if breaks else []
    for batch in batches:
        if run_ids is None:
            replace_rows(ctx.lake, batch.table, batch.rows_df)
        else:
            merge_rows(ctx.lake, batch.table, batch.rows_df, date_bounds(batch.rows_df, "partition_dt"))
        stage.rows_out += batch.row_count
    if breaks:
        commit_changes(ctx, breaks)
        stage.rows_out += breaks.row_count


def _batches(ctx: RunContext, spark: SparkSession, days_df: DataFrame) -> list[_Batch]:
    """The batches of all Gold tables, choices among columns of what is staged; without rows left out."""
    settings = ctx.settings.signals
    metrics_df = _metrics(ctx, spark, days_df)
    frames = {
        DAILY_KPIS: gold.kpi_rows(days_df, ctx.run_id),
        SIGNALS: gold.gold_rows(all_signals(metrics_df, settings), SIGNALS, ctx.run_id),
        STOCK_OVERVIEW: gold.gold_rows(stock_overview(metrics_df, settings), STOCK_OVERVIEW, ctx.run_id),
    }
    counted = [_Batch(table, rows_df, count_rows(rows_df)) for table, rows_df in frames.items()]
    return [batch for batch in counted if batch.row_count]


def _metrics(ctx: RunContext, spark: SparkSession, days_df: DataFrame) -> DataFrame:
    """The figures of the affected sessions, staged."""
    settings = ctx.settings.signals
    facts_df = read_table(spark, ctx.lake, FUNDAMENTALS)
    provider_order = ctx.settings.reconciliation.provider_order
    known_df = preferred_days(days_df.filter("asset_class = 'stock'"), facts_df, provider_order)
    if has_splits(days_df):
        adjusted_df = split_adjusted_days(staged(ctx, known_df, "known"), settings.longest_window_sessions)
    else:
        adjusted_df = unadjusted_days(known_df)
    return staged(ctx, session_metrics(adjusted_df, settings).filter("is_affected"), "metrics")
