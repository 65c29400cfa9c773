"""Builds Gold from ticks: features of the days that changed, and the report on the vendor's minute bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.bronze import RAW_FILES
from delta_tables.tables.gold_ticks import TABLES, TICK_FEATURES, TRADE_BAR_DIFFERENCES
from delta_tables.tables.ops import RUNS
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_ticks import QUOTES, TRADES
from delta_tables.views.tick_views import CURRENT, HAPPENED
from jobs.engine.table_io import between, count_rows, read_table
from jobs.gold.tick_features import tick_features
from jobs.gold.trade_bars import bar_differences, trade_bars
from jobs.history.bitemporal import CHANGE_TYPE
from jobs.history.row_diff import diff_rows
from jobs.parsing.flat_files import MINUTE_BARS
from jobs.pipelines.publish import TableChanges, publish_changes, staged_changes
from jobs.pipelines.staging import staged
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import SILVER, table_ids
from jobs.runs.stage import BLOCKING, OpenStage, StageResult, failed_gates, recorded_stage
from jobs.silver.tick_batches import TickBatch, symbol_batches

STAGE, SUBJECT = "gold_ticks", "gold_ticks"
PROVIDER = "massive"


@dataclass(frozen=True)
class _Pending:
    """Runs that changed Silver and were not taken in yet, and the days that they changed."""

    run_ids: tuple[str, ...]
    days: tuple[date, ...]


@dataclass(frozen=True)
class _Day:
    """One day's Silver, as known now, and the day's Gold as stored."""

    ctx: RunContext
    spark: SparkSession
    file_dt: date

    def current(self, table: Table, partition: str = "trade_dt") -> DataFrame:
        """The table's rows of the day that are known now."""
        return self.stored(table, partition).where(CURRENT).filter(F.col("provider") == PROVIDER)

    def stored(self, table: Table, partition: str = "trade_dt") -> DataFrame:
        """The table's rows of the day."""
        table_df = read_table(self.spark, self.ctx.lake, table).alias("t")
        return table_df.where(between(partition, (self.file_dt, self.file_dt)))


def build_tick_gold(ctx: RunContext, spark: SparkSession) -> StageResult:
    """Computes the days again whose trades, quotes or vendor bars changed, and writes what differs.

    The next run makes good for one that was killed. A refused day stays pending with all of its run, and does
    not stop the others.

    Raises:
        LakeError: a table is missing or damaged.
    """
    pending = _pending(ctx, spark)
    if not pending.run_ids:
        return StageResult(STAGE, SUBJECT, "nothing_new")
    with recorded_stage(ctx, STAGE, SUBJECT) as stage:
        refused = _build_days(ctx, spark, pending.days, stage)
        stage.status = "blocked" if refused else "done"
        stage.consumed_runs = () if refused else pending.run_ids
        stage.detail = "; ".join(refused) or f"days computed: {len(pending.days)}"
        stage.table_ids = table_ids(ctx.lake, *TABLES)
    return stage.result


def unconsumed_changes(lake: Lake) -> list[dict[str, Any]]:
    """The stages that changed trades, quotes or bars and are not in Gold yet: run_id, subject, detail.

    Raises:
        LakeError: the run log cannot be read.
    """
    subjects = f"subject IN ('{TRADES.full_name}', '{QUOTES.full_name}', '{BARS.full_name}')"
    where = f"stage = '{SILVER}' AND status IN ('done', 'replayed') AND {subjects}"
    done = read_rows(lake, RUNS, ["run_id", "subject", "detail"], where).to_pylist()
    consumed = _consumed(lake)
    return [row for row in done if row["run_id"] not in consumed]


def _pending(ctx: RunContext, spark: SparkSession) -> _Pending:
    changes = unconsumed_changes(ctx.lake)
    files = read_rows(ctx.lake, RAW_FILES, ["file_id", "file_dt", "dataset"]).to_pylist()
    day_of = {file["file_id"]: file["file_dt"] for file in files}
    days = {day_of[mark] for row in changes if (mark := (row["detail"] or "").split(" ")[0]) in day_of}
    vendor_days = [file["file_dt"] for file in files if file["dataset"] == MINUTE_BARS]
    bar_runs = sorted({row["run_id"] for row in changes if row["subject"] == BARS.full_name})
    if vendor_days and bar_runs:
        days |= _days_of_bars(ctx, spark, bar_runs, (min(vendor_days), max(vendor_days)))
    return _Pending(tuple(sorted({row["run_id"] for row in changes})), tuple(sorted(days)))


def _consumed(lake: Lake) -> set[str]:
    """The runs that were taken into the Gold tables that are there now."""
    ids = table_ids(lake, *TABLES)
    where = f"stage = '{STAGE}' AND status = 'done' AND table_ids = '{ids}'"
    found = read_rows(lake, RUNS, ["consumed_runs"], where)
    return {run for runs in found["consumed_runs"].to_pylist() for run in runs}


def _days_of_bars(
    ctx: RunContext, spark: SparkSession, run_ids: Sequence[str], landed: tuple[date, date]
) -> set[date]:
    bars_df = read_table(spark, ctx.lake, BARS).alias("t").where(between("partition_dt", landed))
    changed_df = _vendor_minutes(bars_df).filter(F.col("run_id").isin(*run_ids))
    return {row[0] for row in changed_df.select("trade_dt").distinct().collect()}


def _vendor_minutes(bars_df: DataFrame) -> DataFrame:
    return bars_df.filter((F.col("provider") == PROVIDER) & (F.col("interval") == "1min"))


def _build_days(ctx: RunContext, spark: SparkSession, days: Sequence[date], stage: OpenStage) -> list[str]:
    """Builds each day, and returns why days were refused."""
    refused = []
    for file_dt in days:
        try:
            _build_day(_Day(ctx, spark, file_dt), stage)
        except BLOCKING as failure:
            refused.append(f"{file_dt}: {failure}")
            stage.gates += failed_gates(failure)
    return refused


def _build_day(day: _Day, stage: OpenStage) -> None:
    trades_df, quotes_df = day.current(TRADES).where(HAPPENED), day.current(QUOTES)
    vendor_df = _vendor_minutes(day.current(BARS, "partition_dt"))
    bars_can_differ = bool(trades_df.limit(1).collect()) and bool(vendor_df.limit(1).collect())
    for number, batch in enumerate(_batches(day, (trades_df, quotes_df, vendor_df))):
        run_id = day.ctx.run_id
        features_df = tick_features(_held(batch, trades_df), _held(batch, quotes_df), run_id)
        _publish(day, TICK_FEATURES, features_df, batch, number, stage)
        if bars_can_differ:
            ours_df = trade_bars(_held(batch, trades_df))
            differences_df = bar_differences(ours_df, _held(batch, vendor_df), run_id)
            _publish(day, TRADE_BAR_DIFFERENCES, differences_df, batch, number, stage)


def _batches(day: _Day, frames: Sequence[DataFrame]) -> list[TickBatch]:
    """Ranges of symbols; a symbol is never cut here, since its figures look back over the whole day."""
    symbols_df = frames[0].select("symbol")
    for frame_df in frames[1:]:
        symbols_df = symbols_df.unionByName(frame_df.select("symbol"))
    counts = {row[0]: int(row[1]) for row in symbols_df.groupBy("symbol").count().collect()}
    for table in TABLES:
        stored = day.stored(table).select("symbol").distinct().collect()
        counts = dict.fromkeys((row[0] for row in stored), 0) | counts
    return symbol_batches(counts, day.ctx.settings.providers.massive.rows_per_batch)


def _held(batch: TickBatch, frame_df: DataFrame) -> DataFrame:
    return frame_df.filter(batch.contains_symbol("symbol"))


def _publish(
    day: _Day, table: Table, computed_df: DataFrame, batch: TickBatch, number: int, stage: OpenStage
) -> None:
    ctx, name = day.ctx, f"{table.name}_{day.file_dt}_{number}"
    stored_df = _held(batch, day.stored(table))
    computed_df = staged(ctx, computed_df, f"{name}_computed")
    if stored_df.limit(1).collect():
        changes_df = diff_rows(computed_df, stored_df, table)
        changes = staged_changes(ctx, table, changes_df, f"{name}_changes", (day.file_dt, day.file_dt))
    else:
        changes_df = computed_df.withColumn(CHANGE_TYPE, F.lit("upsert"))
        changes = TableChanges(table, changes_df, count_rows(computed_df), is_initial=True)
    publish_changes(ctx, changes, stage)
