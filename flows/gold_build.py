"""Builds Gold from the Silver rows that changed: compute, stage, audit, publish."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.action_factors import SPLITS
from delta_tables.gold import DAILY_KPIS, SIGNALS, STOCK_OVERVIEW
from delta_tables.gold import TABLES as SESSION_TABLES
from delta_tables.gold_reconciliation import TABLES as BREAK_TABLES
from delta_tables.silver import BARS, FUNDAMENTALS
from delta_tables.silver_reference import CORPORATE_ACTIONS
from delta_tables.table import SchemaMismatch, Table
from flows.breaks_build import audit_breaks, break_changes, publish_breaks
from flows.gates import audit
from flows.run_log import (
    GOLD,
    StageResult,
    gold_was_replaced,
    pending_runs,
    record,
    record_failure,
    record_start,
    table_ids,
)
from flows.silver_build import Built, failed_gates
from flows.workspace import Workspace
from jobs import gold
from jobs.metrics import preferred_days, session_metrics, with_fundamentals
from jobs.signals import all_signals
from jobs.stock_overview import stock_overview
from jobs.table_io import count_rows, date_bounds, merge_rows, read_table, replace_rows, require_values, stage
from jobs.touched_sessions import changed_rows, split_span, touched_days
from jobs.trading_calendar import sessions_frame
from quality.gate import GateFailed, GateResult

SUBJECT = "gold"
GOLD_TABLES = (*SESSION_TABLES, *BREAK_TABLES)


@dataclass(frozen=True)
class _Batch:
    table: Table
    rows_df: DataFrame
    row_count: int


def build_gold(work: Workspace, spark: SparkSession) -> Built:
    """Recomputes the sessions that changed Silver rows touch, and publishes them table by table.

    What changed is found by the runs that changed it, so a Gold run killed at any point is made good
    by the next. A refused batch stays pending. A Gold table that was moved away and made anew is
    computed again in full.
    """
    pending = pending_runs(work.lake)
    if gold_was_replaced(work.lake, GOLD_TABLES):
        return rebuild_gold(work, spark)
    if not pending:
        return Built(StageResult(GOLD, SUBJECT, "nothing_new"))
    return _build(work, spark, pending, pending)


def rebuild_gold(work: Workspace, spark: SparkSession) -> Built:
    """Recomputes all of Gold, after a threshold or a formula has changed."""
    return _build(work, spark, None, pending_runs(work.lake))


def _build(
    work: Workspace, spark: SparkSession, run_ids: Sequence[str] | None, consumed: tuple[str, ...]
) -> Built:
    began = time.monotonic()
    record_start(work.lake, work.run_id, GOLD, SUBJECT)
    try:
        rows, gates = _publish(work, spark, run_ids)
    except (GateFailed, SchemaMismatch) as failure:
        result = StageResult(GOLD, SUBJECT, "blocked", time.monotonic() - began, detail=str(failure))
        return Built(record(work.lake, work.run_id, result), failed_gates(failure))
    except Exception as error:
        record_failure(work.lake, work.run_id, GOLD, SUBJECT, time.monotonic() - began, error)
        raise
    result = StageResult(
        GOLD,
        SUBJECT,
        "done",
        time.monotonic() - began,
        rows_out=rows,
        consumed_runs=consumed,
        table_ids=table_ids(work.lake, *GOLD_TABLES),
    )
    return Built(record(work.lake, work.run_id, result), gates)


def _publish(
    work: Workspace, spark: SparkSession, run_ids: Sequence[str] | None
) -> tuple[int, tuple[GateResult, ...]]:
    """Audits all batches, then publishes them; gives the rows written and the verdicts.

    Computed in full, Gold holds nothing else afterwards: a session whose last bar is gone goes, too.
    """
    batches = _batches(work, spark, run_ids)
    breaks = break_changes(work, spark, run_ids)
    gates = tuple(_audit(work, batch) for batch in batches)
    gates += audit_breaks(work, breaks) if breaks else ()
    for batch in batches:
        if run_ids is None:
            replace_rows(work.lake, batch.table, batch.rows_df)
        else:
            merge_rows(work.lake, batch.table, batch.rows_df, date_bounds(batch.rows_df, "partition_dt"))
    if breaks:
        publish_breaks(work, breaks)
    return sum(batch.row_count for batch in batches) + (breaks.row_count if breaks else 0), gates


def _audit(work: Workspace, batch: _Batch) -> GateResult:
    require_values(batch.rows_df, batch.table)
    return audit(work, batch.rows_df, batch.table.dataset)


def _batches(work: Workspace, spark: SparkSession, run_ids: Sequence[str] | None) -> list[_Batch]:
    """The batches of all Gold tables, staged; those without rows left out."""
    days_df = _days(work, spark, run_ids)
    if days_df is None:
        return []
    facts_df = read_table(spark, work.lake, FUNDAMENTALS)
    provider_order = work.settings.reconciliation.provider_order
    stocks_df = preferred_days(days_df.filter("asset_class = 'stock'"), provider_order)
    known_df = _stage(work, with_fundamentals(stocks_df, facts_df), "known")
    metrics_df = session_metrics(known_df, work.settings.signals).filter("is_affected")
    metrics_df = _stage(work, metrics_df, "metrics")
    signals_df = _stage(work, all_signals(metrics_df, work.settings.signals), "signals")
    frames = {
        DAILY_KPIS: gold.kpi_rows(days_df, work.run_id),
        SIGNALS: gold.gold_rows(signals_df, SIGNALS, work.run_id),
        STOCK_OVERVIEW: gold.gold_rows(stock_overview(metrics_df, signals_df), STOCK_OVERVIEW, work.run_id),
    }
    staged = [(table, _stage(work, frame_df, f"gold_{table.name}")) for table, frame_df in frames.items()]
    counted = [_Batch(table, rows_df, count_rows(rows_df)) for table, rows_df in staged]
    return [batch for batch in counted if batch.row_count]


def _days(work: Workspace, spark: SparkSession, run_ids: Sequence[str] | None) -> DataFrame | None:
    """The days to compute and those around them, staged; None where nothing changed."""
    lake, settings = work.lake, work.settings.signals
    bars_df, all_kpis_df = read_table(spark, lake, BARS), read_table(spark, lake, DAILY_KPIS)
    changed = _changed(work, spark, bars_df, run_ids)
    touched = date_bounds(changed.days_df, "trade_dt")
    spans = (touched, _fundamentals_span(work, changed), split_span(changed.splits_df, all_kpis_df))
    if not any(spans):
        return None
    start, end = min(span[0] for span in spans if span), max(span[1] for span in spans if span)
    calendars = _calendars(changed.days_df, all_kpis_df)
    reach = gold.reach_of(start, end, settings, calendars)
    kpis_df = all_kpis_df.where(f"trade_dt >= date'{reach.first}' AND trade_dt <= date'{reach.last}'")
    needed = gold.bars_condition(*touched) if touched else "false"  # other days are read from Gold
    current_df = bars_df.where("known_to IS NULL").where(needed)
    sessions_df = sessions_frame(spark, calendars, reach.first, reach.last)
    actions_df = read_table(spark, lake, CORPORATE_ACTIONS)
    days_df = gold.symbol_days(changed, current_df, kpis_df, actions_df, sessions_df, settings)
    return _stage(work, days_df, "days")


def _changed(
    work: Workspace, spark: SparkSession, bars_df: DataFrame, run_ids: Sequence[str] | None
) -> gold.Changed:
    """What the runs changed in Silver, staged."""
    facts_df = changed_rows(read_table(spark, work.lake, FUNDAMENTALS), run_ids)
    actions_df = changed_rows(read_table(spark, work.lake, CORPORATE_ACTIONS), run_ids)
    splits_df = actions_df.filter(F.col("action").isin(*SPLITS)).select("symbol", "ex_dt").distinct()
    return gold.Changed(
        _stage(work, touched_days(changed_rows(bars_df, run_ids)), "touched"),
        _stage(work, facts_df.select("symbol", "known_from"), "changed_fundamentals"),
        _stage(work, splits_df, "changed_splits"),
    )


def _calendars(*frames_df: DataFrame) -> set[str]:
    """The calendars named in the frames."""
    return {row[0] for frame_df in frames_df for row in frame_df.select("calendar").distinct().collect()}


def _fundamentals_span(work: Workspace, changed: gold.Changed) -> tuple[date, date] | None:
    """The first and the last date that changed facts touch: from the day they were learned on."""
    learned = changed.fundamentals_df.select(F.to_date("known_from")).collect()
    since = gold.fundamentals_start([row[0] for row in learned])
    return (since, max(work.clock().date(), since)) if since else None


def _stage(work: Workspace, frame_df: DataFrame, name: str) -> DataFrame:
    return stage(frame_df.sparkSession, work.lake, frame_df, work.run_id, name)
