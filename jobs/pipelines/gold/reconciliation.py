"""Builds gold.bar_breaks: compares again where bars changed, and replaces those sessions' rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.tables.gold_reconciliation import BAR_BREAKS
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS
from delta_tables.views.adjustment_factors import SPLITS
from jobs.engine.table_io import between, count_rows, date_bounds, is_new, read_table
from jobs.gold.affected_sessions import rows_of_runs
from jobs.gold.provider_ranking import normalised_symbol, watched_symbols
from jobs.history.row_diff import diff_rows
from jobs.pipelines.publish import TableChanges, staged_changes
from jobs.pipelines.staging import staged
from jobs.reconciliation.affected_bars import (
    KEYS,
    SERIES,
    affected_keys,
    bars_around,
    shared_series,
    split_affected_keys,
)
from jobs.reconciliation.bar_breaks import bar_breaks, compared_bars
from jobs.reconciliation.split_alignment import alignment_steps
from jobs.runs.run_context import RunContext


@dataclass(frozen=True)
class _Compared:
    """The current bars to compare, and the stored breaks of the same sessions; `keys_df` None: of all."""

    bars_df: DataFrame
    stored_df: DataFrame
    keys_df: DataFrame | None = None


def break_changes(
    ctx: RunContext, spark: SparkSession, run_ids: Sequence[str] | None, changed_df: DataFrame | None = None
) -> TableChanges | None:
    """What the bars and splits that these runs changed do to gold.bar_breaks; None if nothing changes.

    None for `run_ids` compares all bars again. `changed_df`: symbol, interval and trade_dt of the sessions
    whose bars these runs changed, and perhaps of others; None: they are looked up.
    """
    settings = ctx.settings.reconciliation
    spelled = normalised_symbol(watched_symbols(ctx.settings.watch_list))
    compared = _to_compare(ctx, spark, spelled, run_ids, changed_df)
    if compared is None:
        return None
    shared_df = staged(ctx, shared_series(compared.bars_df), "shared_series")
    if not count_rows(shared_df) and not compared.stored_df.limit(1).collect():
        return None
    bars_df = compared.bars_df.join(F.broadcast(shared_df), list(SERIES), "left_semi")
    placed_df = staged(ctx, compared_bars(bars_df, settings.provider_order), "compared_bars")
    splits_df = _splits(ctx, spark, spelled).where("known_to IS NULL")
    steps_df = staged(ctx, alignment_steps(placed_df, splits_df), "split_steps")
    breaks_df = bar_breaks(placed_df, steps_df, settings, ctx.run_id)
    if compared.keys_df is not None:
        breaks_df = breaks_df.join(compared.keys_df, list(KEYS), "left_semi")
    breaks_df = staged(ctx, breaks_df.select(*BAR_BREAKS.columns), "found_breaks")
    changes = staged_changes(
        ctx, BAR_BREAKS, diff_rows(breaks_df, compared.stored_df, BAR_BREAKS), "bar_breaks"
    )
    return changes if changes.row_count else None


def _to_compare(
    ctx: RunContext,
    spark: SparkSession,
    spelled: Column,
    run_ids: Sequence[str] | None,
    changed_df: DataFrame | None,
) -> _Compared | None:
    """None where no bar has to be compared again."""
    candles_df = read_table(spark, ctx.lake, BARS).filter("kind = 'candle'").withColumn("symbol", spelled)
    current_df = candles_df.where("known_to IS NULL")
    stored_df = read_table(spark, ctx.lake, BAR_BREAKS).alias("t")
    if run_ids is None:
        return _Compared(current_df, stored_df)
    if changed_df is None:
        changed_df = rows_of_runs(candles_df, run_ids)
    else:
        changed_df = changed_df.withColumn("symbol", spelled)
    reach = ctx.settings.reconciliation.longest_gap_days
    splits_df = _changed_splits(ctx, spark, spelled, run_ids)
    if splits_df is None and is_new(ctx.lake, BAR_BREAKS):
        bounds = date_bounds(changed_df, "trade_dt")
        if bounds is None or not _has_shared(current_df.where(bars_around(*bounds, 2 * reach)), changed_df):
            return None  # no provider to compare with, and nothing stored that could go
    keys_df = affected_keys(changed_df, reach)
    if splits_df is not None:
        keys_df = keys_df.unionByName(split_affected_keys(current_df, splits_df)).distinct()
    keys_df = staged(ctx, keys_df, "compared_keys")
    bounds = date_bounds(keys_df, "trade_dt")
    if bounds is None:
        return None
    series_df = keys_df.select(*SERIES).distinct()
    return _Compared(
        current_df.where(bars_around(*bounds, reach)).join(series_df, list(SERIES), "left_semi"),
        stored_df.where(_stored_between(bounds)).join(keys_df, list(KEYS), "left_semi"),
        keys_df,
    )


def _has_shared(bars_df: DataFrame, changed_df: DataFrame) -> bool:
    """Whether a series that changed has bars of two providers."""
    mine_df = bars_df.join(changed_df.select(*SERIES).distinct(), list(SERIES), "left_semi")
    return bool(shared_series(mine_df).limit(1).collect())


def _changed_splits(
    ctx: RunContext, spark: SparkSession, spelled: Column, run_ids: Sequence[str]
) -> DataFrame | None:
    """The splits that these runs changed; None where there are none."""
    if is_new(ctx.lake, CORPORATE_ACTIONS):
        return None
    changed_df = rows_of_runs(_splits(ctx, spark, spelled), run_ids)
    return changed_df if changed_df.limit(1).collect() else None


def _splits(ctx: RunContext, spark: SparkSession, spelled: Column) -> DataFrame:
    actions_df = read_table(spark, ctx.lake, CORPORATE_ACTIONS).filter(F.col("action").isin(*SPLITS))
    return actions_df.withColumn("symbol", spelled)


def _stored_between(bounds: tuple[date, date]) -> str:
    first, last = bounds
    return (
        f"{between('partition_dt', (first.replace(month=1, day=1), last))} AND {between('trade_dt', bounds)}"
    )
