"""Reads what a Gold run computes: the days whose bars, fundamentals or splits changed, or all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.tables.gold import DAILY_KPIS
from delta_tables.tables.silver import BARS, FUNDAMENTALS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from delta_tables.views.adjustment_factors import SPLITS
from jobs.engine.table_io import is_new, read_table
from jobs.gold import session_rows as gold
from jobs.gold.affected_sessions import changed_days, rows_of_runs, split_span
from jobs.market_calendar.sessions import sessions_frame
from jobs.pipelines.staging import staged
from jobs.runs.run_context import RunContext


@dataclass(frozen=True)
class GoldDays:
    """What a Gold run computes, staged: the rows of session_rows.symbol_days, None where there are none.

    `changed_df`: DAY_KEYS and calendar of the days whose bars changed; None where all were taken unasked.
    """

    rows_df: DataFrame | None
    changed_df: DataFrame | None


def gold_days(ctx: RunContext, spark: SparkSession, run_ids: Sequence[str] | None) -> GoldDays:
    """The days that these runs changed and those around them.

    All days for None, and where Gold holds nothing yet.
    """
    if run_ids is None or is_new(ctx.lake, DAILY_KPIS):
        rows_df, changed_df = _all_days(ctx, spark), None
    else:
        changed = _changed(ctx, spark, run_ids)
        rows_df, changed_df = _changed_days(ctx, spark, changed), changed.days_df
    return GoldDays(None if rows_df is None else staged(ctx, rows_df, "days"), changed_df)


def _all_days(ctx: RunContext, spark: SparkSession) -> DataFrame | None:
    """Every day that has bars; None where there are none."""
    bars_df = read_table(spark, ctx.lake, BARS).where("known_to IS NULL")
    spans = _spans(bars_df)
    if not spans:
        return None
    first, last = min(span[0] for span in spans.values()), max(span[1] for span in spans.values())
    sessions_df = sessions_frame(spark, spans, first, last)
    return gold.all_days(bars_df, _actions(ctx, spark), sessions_df, ctx.settings.signals)


def _changed_days(ctx: RunContext, spark: SparkSession, changed: gold.SilverChanges) -> DataFrame | None:
    """The days that changed and those around them; None where nothing did."""
    lake, settings = ctx.lake, ctx.settings.signals
    all_kpis_df = read_table(spark, lake, DAILY_KPIS)
    days = _spans(changed.days_df)
    touched = (
        (min(span[0] for span in days.values()), max(span[1] for span in days.values())) if days else None
    )
    spans = (
        touched,
        _fundamentals_span(ctx, changed.fundamentals_df),
        split_span(changed.splits_df, all_kpis_df) if changed.splits_df is not None else None,
    )
    if not any(spans):
        return None
    start, end = min(span[0] for span in spans if span), max(span[1] for span in spans if span)
    calendars = {*days, *(row[0] for row in all_kpis_df.select("calendar").distinct().collect())}
    reach = gold.affected_range(start, end, settings, calendars)
    kpis_df = all_kpis_df.where(f"trade_dt >= date'{reach.first}' AND trade_dt <= date'{reach.last}'")
    needed = gold.bars_condition(*touched) if touched else "false"  # other days are read from Gold
    current_df = read_table(spark, lake, BARS).where("known_to IS NULL").where(needed)
    sessions_df = sessions_frame(spark, calendars, reach.first, reach.last)
    return gold.symbol_days(changed, current_df, kpis_df, _actions(ctx, spark), sessions_df, settings)


def _changed(ctx: RunContext, spark: SparkSession, run_ids: Sequence[str]) -> gold.SilverChanges:
    """What the runs changed in Silver, staged."""
    facts_df, splits_df = None, None
    if not is_new(ctx.lake, FUNDAMENTALS):
        facts_df = rows_of_runs(read_table(spark, ctx.lake, FUNDAMENTALS), run_ids)
        facts_df = _staged_if_any(ctx, facts_df.select("symbol", "known_from"), "changed_fundamentals")
    if not is_new(ctx.lake, CORPORATE_ACTIONS):
        actions_df = rows_of_runs(read_table(spark, ctx.lake, CORPORATE_ACTIONS), run_ids)
        splits_df = actions_df.filter(F.col("action").isin(*SPLITS)).select("symbol", "ex_dt").distinct()
        splits_df = _staged_if_any(ctx, splits_df, "changed_splits")
    bars_df = rows_of_runs(read_table(spark, ctx.lake, BARS), run_ids)
    return gold.SilverChanges(staged(ctx, changed_days(bars_df), "touched"), facts_df, splits_df)


def _actions(ctx: RunContext, spark: SparkSession) -> DataFrame | None:
    """silver.corporate_actions; None where it has never had a row."""
    return None if is_new(ctx.lake, CORPORATE_ACTIONS) else read_table(spark, ctx.lake, CORPORATE_ACTIONS)


def _spans(days_df: DataFrame) -> dict[str, tuple[date, date]]:
    """The calendars named in the frame, each with its first and last date."""
    spans_df = days_df.groupBy("calendar").agg(F.min("trade_dt"), F.max("trade_dt"))
    return {calendar: (first, last) for calendar, first, last in spans_df.collect()}


def _fundamentals_span(ctx: RunContext, facts_df: DataFrame | None) -> tuple[date, date] | None:
    """The first and the last date that changed facts touch: from the day they were learned on."""
    if facts_df is None:
        return None
    learned = facts_df.select(F.to_date("known_from")).collect()
    since = gold.fundamentals_start([row[0] for row in learned])
    return (since, max(ctx.clock().date(), since)) if since else None


def _staged_if_any(ctx: RunContext, frame_df: DataFrame, name: str) -> DataFrame | None:
    """The frame staged, None where it has no rows."""
    return staged(ctx, frame_df, name) if frame_df.limit(1).collect() else None
