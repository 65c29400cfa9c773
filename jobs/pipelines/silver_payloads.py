"""Builds Silver from what has landed: judge, stage, audit, publish; each table by itself."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.table import SchemaMismatch, Table
from delta_tables.tables.bronze import RAW_PAYLOADS
from delta_tables.tables.silver import BARS, FUNDAMENTALS
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS, INSTRUMENTS, NEWS
from jobs.engine.table_io import (
    append_first,
    between,
    count_rows,
    is_new,
    merge_history,
    read_table,
)
from jobs.history.bitemporal import OPERATION, first_rows, has_repeated_keys
from jobs.history.pending_payloads import BronzeWindow, new_payloads, read_payloads
from jobs.market_calendar.sessions import FIRST_SESSION, sessions_frame
from jobs.parsing.registry import (
    ACTION_READERS,
    BAR_READERS,
    INSTRUMENT_READERS,
    NEWS_READERS,
    OVERVIEW_READERS,
    Readers,
    Sources,
    calendars_of,
    has_any,
    read_rows_of,
)
from jobs.pipelines.audit import audit, audit_view
from jobs.pipelines.quarantine import counted_rows, set_aside
from jobs.pipelines.staging import staged
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import (
    SILVER,
    StageResult,
    built_version,
    record,
    record_failure,
    record_start,
    table_ids,
)
from jobs.silver.bar_rules import judge_bars
from jobs.silver.bars import (
    bar_changes,
    kept_of_judged,
    kinds_of_stock_bars,
    observed_bars,
    stock_clean,
    stock_clean_of_one_kind,
)
from jobs.silver.corporate_actions import corporate_action_changes, judged_corporate_actions
from jobs.silver.fundamentals import fundamentals_changes, judged_fundamentals
from jobs.silver.instruments import instrument_changes, judged_instruments
from jobs.silver.news import judged_news, news_changes
from quality.gate import GateFailed, GateResult

_FEW_CALENDARS = 4
Judge = Callable[[DataFrame, Sources], DataFrame]
Changes = Callable[[DataFrame, DataFrame, str], DataFrame]


@dataclass(frozen=True)
class SilverTable:
    """How one Silver table is built: who reads the payloads, how rows are judged, what they change.

    `judge(raw_rows_df, sources)` gives typed rows with `reasons`; `changes(judged_df, stored_df, run_id)`
    what they change in the stored history. Where `observed(judged_df)` is given, what is learned of a series
    (rows that share the columns `series`) of which nothing is stored is not compared with anything; it keeps
    just the rows without reasons.
    """

    table: Table
    readers: Readers
    judge: Judge
    changes: Changes
    observed: Callable[[DataFrame], DataFrame] | None = None
    series: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Counts:
    """Rows judged, rows that change the table, rows set aside."""

    rows_in: int
    rows_out: int
    rows_bad: int


@dataclass(frozen=True)
class Built:
    """A stage's result and the gates it went through."""

    result: StageResult
    gates: tuple[GateResult, ...] = ()


def _judge_bars(raw_df: DataFrame, sources: Sources) -> DataFrame:
    calendars = calendars_of(BAR_READERS, sources)
    if len(calendars) > _FEW_CALENDARS:  # each costs a third of a second and ten thousand sessions
        named = {row[0] for row in raw_df.select("calendar").distinct().collect()}
        calendars &= named
    first = date.fromisoformat(FIRST_SESSION)
    return kept_of_judged(judge_bars(raw_df, sessions_frame(raw_df.sparkSession, calendars, first, date.max)))


def _judge_fundamentals(raw_df: DataFrame, _sources: Sources) -> DataFrame:
    return judged_fundamentals(raw_df)


def _judge_actions(raw_df: DataFrame, _sources: Sources) -> DataFrame:
    return judged_corporate_actions(raw_df)


def _judge_news(raw_df: DataFrame, _sources: Sources) -> DataFrame:
    return judged_news(raw_df)


def _judge_instruments(raw_df: DataFrame, _sources: Sources) -> DataFrame:
    return judged_instruments(raw_df)


SILVER_TABLES = (
    SilverTable(
        BARS, BAR_READERS, _judge_bars, bar_changes, observed_bars, ("provider", "symbol", "interval")
    ),
    SilverTable(FUNDAMENTALS, OVERVIEW_READERS, _judge_fundamentals, fundamentals_changes),
    SilverTable(CORPORATE_ACTIONS, ACTION_READERS, _judge_actions, corporate_action_changes),
    SilverTable(NEWS, NEWS_READERS, _judge_news, news_changes),
    SilverTable(INSTRUMENTS, INSTRUMENT_READERS, _judge_instruments, instrument_changes),
)


def build_silver(ctx: RunContext, spark: SparkSession, recipe: SilverTable) -> Built:
    """Brings one Silver table up to all that has landed; a repeat, after a kill too, changes nothing.

    A batch that its gate refuses leaves every table untouched and stays pending: after the rule, the
    parser or the data is mended the next build takes it up again.

    Raises:
        LakeError, SchemaMismatch: a table is missing, damaged or of another shape.
    """
    began = time.monotonic()
    name = recipe.table.full_name
    window = new_payloads(ctx.lake, built_version(ctx.lake, recipe.table))
    if not has_any(recipe.readers, window.sources):
        return Built(StageResult(SILVER, name, "nothing_new"))
    record_start(ctx.lake, ctx.run_id, SILVER, name)
    try:
        counts, gates = _publish(ctx, spark, recipe, window)
    except (GateFailed, SchemaMismatch) as failure:
        result = StageResult(SILVER, name, "blocked", time.monotonic() - began, detail=str(failure))
        return Built(record(ctx.lake, ctx.run_id, result), failed_gates(failure))
    except Exception as error:
        record_failure(ctx.lake, ctx.run_id, SILVER, name, time.monotonic() - began, error)
        raise
    result = StageResult(
        SILVER,
        name,
        "done",
        time.monotonic() - began,
        **vars(counts),
        bronze_version=window.version,
        table_ids=table_ids(ctx.lake, RAW_PAYLOADS, recipe.table),
    )
    return Built(record(ctx.lake, ctx.run_id, result), gates)


def failed_gates(failure: Exception) -> tuple[GateResult, ...]:
    """The verdict inside a GateFailed; none inside a SchemaMismatch, which comes before the gate."""
    return (failure.result,) if isinstance(failure, GateFailed) else ()


def _publish(
    ctx: RunContext, spark: SparkSession, recipe: SilverTable, window: BronzeWindow
) -> tuple[_Counts, tuple[GateResult, ...]]:
    lake, run_id, table = ctx.lake, ctx.run_id, recipe.table
    payloads_df = read_payloads(spark, lake, window)
    raw_df = read_rows_of(payloads_df, recipe.readers, window.sources, window.parsing_tasks)
    judged_df = staged(ctx, recipe.judge(raw_df, window.sources), f"{table.name}_judged")
    judged = counted_rows(judged_df, table.partition_by)
    stored_df = (
        read_table(spark, lake, table)
        .alias("t")
        .where(between("partition_dt", judged.bounds) if judged.bounds or not table.partition_by else "false")
    )
    is_first = _is_first(recipe, judged_df, None if is_new(lake, table) else stored_df)
    if recipe.observed and is_first:  # the judged rows without the bad ones: no need to write them again
        changes_df = first_rows(recipe.observed(judged_df), table, run_id)
        rows_out = judged.row_count - judged.bad_count
    else:
        changes_df = recipe.changes(judged_df, stored_df, run_id)
        changes_df = staged(ctx, changes_df, f"{table.name}_changes")
        rows_out = count_rows(changes_df)
    gates = []
    if rows_out:
        gates += audit_changes(ctx, changes_df.filter(F.col(OPERATION) == "upsert").drop(OPERATION), table)
    bad = set_aside(ctx, judged, f"{table.name}_bad")
    if rows_out and is_first:
        append_first(lake, table, changes_df)
    elif rows_out:
        merge_history(lake, table, changes_df, judged.bounds)
    rows_bad = bad.row_count if bad else 0
    return _Counts(judged.row_count, rows_out, rows_bad), (*gates, *([bad] if bad else []))


def _is_first(recipe: SilverTable, judged_df: DataFrame, stored_df: DataFrame | None) -> bool:
    """Whether nothing is stored of the series that the judged rows are of, and no key comes twice in them.

    `stored_df` None: nothing is stored at all.
    """
    if recipe.observed is None:
        return False
    observed_df = recipe.observed(judged_df)
    if stored_df is not None:
        series_df = observed_df.select(*recipe.series).distinct()
        known_df = stored_df.join(F.broadcast(series_df), list(recipe.series), "left_semi")
        if known_df.limit(1).collect():
            return False
    return not has_repeated_keys(observed_df, recipe.table)


def audit_changes(ctx: RunContext, upserts_df: DataFrame, table: Table) -> list[GateResult]:
    """The verdicts on what is to be written into a Silver table; raises GateFailed."""
    gates = [audit(ctx, upserts_df, table)]
    if table is BARS:
        kinds = kinds_of_stock_bars(upserts_df)
        if len(kinds) == 1:
            clean_df = stock_clean_of_one_kind(upserts_df)
        elif kinds:  # rows are chosen by a window: once, since the gate reads them several times
            clean_df = staged(ctx, stock_clean(upserts_df), "stock_clean")
        if kinds:
            gates.append(audit_view(ctx, clean_df, "silver_stock_clean"))
    return gates
