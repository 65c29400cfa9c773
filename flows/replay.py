"""The flow `replay`: judges what lies in Bronze anew, after a parser or a rule was mended."""

import time
from collections.abc import Collection, Sequence
from datetime import date

from prefect import flow
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.table import SchemaMismatch, Table
from delta_tables.tables.bronze import RAW_PAYLOADS
from delta_tables.tables.silver import QUARANTINE
from flows.build import build_session
from flows.ingestion.fetch_payloads import FetchResult
from flows.ingestion.replay_scope import (
    KeptDays,
    Scope,
    file_universe,
    payload_tables,
    require_known,
    scope_of,
    with_bytes,
)
from flows.operations.run_summary import RunSummary, conclude
from jobs.engine.table_io import count_rows, date_bounds, merge_history, read_table
from jobs.history.bitemporal import CHANGE_TYPE
from jobs.history.row_diff import diff_rows
from jobs.parsing.registry import has_parser, parse_payloads
from jobs.pipelines.gold_sessions import rebuild_gold
from jobs.pipelines.gold_ticks import build_tick_gold
from jobs.pipelines.replay_files import TABLE_OF, replay_day
from jobs.pipelines.silver_payloads import SILVER_TABLES, Built, SilverTable, audit_changes, failed_gates
from jobs.pipelines.staging import staged
from jobs.runs.run_context import RunContext, open_run_context
from jobs.runs.run_log import SILVER, StageResult, record, record_failure, record_start
from jobs.silver.quarantine import quarantine_rows
from quality.gate import GateFailed, GateResult


def replay_silver(ctx: RunContext, spark: SparkSession, scope: Scope) -> list[Built]:
    """Brings Silver to what the scope's payloads give now, as if nothing had ever been broken.

    A table whose new rows its gate refuses stays as it is. A killed replay is started again.
    """
    payloads_df = _payloads(ctx, spark, scope)
    chosen = payload_tables(scope)
    provider_datasets = frozenset(
        (row[0], row[1])
        for row in payloads_df.select("provider", "dataset").distinct().collect()
        if any(has_parser(recipe.readers, {(row[0], row[1])}) for recipe in chosen)
    )
    recipes = [recipe for recipe in SILVER_TABLES if has_parser(recipe.readers, provider_datasets)]
    if not recipes:
        return []
    payloads_df = payloads_df.filter(_is_of(provider_datasets))
    judged = {
        recipe.table: staged(
            ctx,
            recipe.judge(parse_payloads(payloads_df, recipe.readers, provider_datasets), provider_datasets),
            f"{recipe.table.name}_rejudged",
        )
        for recipe in recipes
    }
    built = [_replay(ctx, recipe, judged[recipe.table], payloads_df) for recipe in recipes]
    return [*built, _replay_quarantine(ctx, spark, list(judged.values()), payloads_df)]


def replay_files(ctx: RunContext, spark: SparkSession, scope: Scope) -> tuple[list[FetchResult], list[Built]]:
    """Brings Silver to what the scope's flat files give now; and what was fetched again to that end.

    A day whose bytes have expired, and which the provider no longer has as they were, is blocked and stays as
    it is.

    Raises:
        LakeError: the landing area cannot be read or written.
    """
    universe = file_universe(ctx, scope)
    if universe is not None and not universe:
        return [], []
    kept = with_bytes(ctx, scope)
    built = [replay_day(ctx, spark, day, universe) for day in kept.days]
    return list(kept.fetched), [*built, *_lost(ctx, kept)]


def _lost(ctx: RunContext, kept: KeptDays) -> list[Built]:
    """One blocked result a dataset, which names the days."""
    results = []
    for dataset in dict.fromkeys(day.dataset for day in kept.lost):
        days = ", ".join(str(day.file_dt) for day in kept.lost if day.dataset == dataset)
        detail = (
            f"{dataset} of {days} cannot be replayed, and stays as it is: bytes that were landed have left "
            f"the landing area, and could not be fetched again ({kept.why})"
        )
        result = StageResult(SILVER, TABLE_OF[dataset].full_name, "blocked", detail=detail)
        results.append(Built(record(ctx.lake, ctx.run_id, result)))
    return results


def _is_of(provider_datasets: Collection[tuple[str, str]]) -> Column:
    """Whether a payload is of one of the sources."""
    found = F.lit(False)
    for provider, dataset in sorted(provider_datasets):
        found |= (F.col("provider") == provider) & (F.col("dataset") == dataset)
    return found


def _payloads(ctx: RunContext, spark: SparkSession, scope: Scope) -> DataFrame:
    payloads_df = read_table(spark, ctx.lake, RAW_PAYLOADS)
    if scope.providers:
        payloads_df = payloads_df.filter(F.col("provider").isin(*scope.providers))
    if scope.symbols:
        payloads_df = payloads_df.filter(F.col("symbol").isin(*scope.symbols))
    if scope.start is None and scope.end is None:
        return payloads_df
    received_on = F.to_date("fetched_at")
    first, last = scope.bounds
    received_df = payloads_df.filter((received_on >= F.lit(first)) & (received_on <= F.lit(last)))
    series = ["provider", "symbol"]
    return payloads_df.join(received_df.select(*series).distinct(), series, "left_semi")


def _replay(ctx: RunContext, recipe: SilverTable, validated_df: DataFrame, payloads_df: DataFrame) -> Built:
    table, spark = recipe.table, validated_df.sparkSession
    stored_df = read_table(spark, ctx.lake, table)
    fresh_df = recipe.changes(validated_df, stored_df.where("false"), ctx.run_id).drop(CHANGE_TYPE)
    before_df = stored_df.join(payloads_df.select("payload_id").distinct(), "payload_id", "left_semi")
    changes_df = diff_rows(fresh_df, before_df.select(*table.columns), table)
    return _publish(ctx, table, changes_df, count_rows(validated_df))


def _replay_quarantine(
    ctx: RunContext, spark: SparkSession, judged: Sequence[DataFrame], payloads_df: DataFrame
) -> Built:
    stored_df = read_table(spark, ctx.lake, QUARANTINE)
    bad = [quarantine_rows(each, stored_df.where("false"), ctx.run_id) for each in judged]
    fresh_df = bad[0]
    for more_df in bad[1:]:
        fresh_df = fresh_df.unionByName(more_df)
    before_df = stored_df.join(payloads_df.select("payload_id").distinct(), "payload_id", "left_semi")
    changes_df = diff_rows(fresh_df, before_df.select(*QUARANTINE.columns), QUARANTINE)
    return _publish(ctx, QUARANTINE, changes_df, 0)


def _publish(ctx: RunContext, table: Table, changes_df: DataFrame, rows_in: int) -> Built:
    began, name = time.monotonic(), table.full_name
    record_start(ctx.lake, ctx.run_id, SILVER, name)
    try:
        staged_df = staged(ctx, changes_df, f"{table.name}_replay")
        rows_out = count_rows(staged_df)
        gates = _audit(ctx, table, staged_df.filter(F.col(CHANGE_TYPE) == "upsert").drop(CHANGE_TYPE))
        if rows_out:
            bounds = date_bounds(staged_df, "partition_dt") if table.partition_by else None
            merge_history(ctx.lake, table, staged_df, bounds)
    except (GateFailed, SchemaMismatch) as failure:
        result = StageResult(SILVER, name, "blocked", time.monotonic() - began, detail=str(failure))
        return Built(record(ctx.lake, ctx.run_id, result), failed_gates(failure))
    except Exception as error:
        record_failure(ctx.lake, ctx.run_id, SILVER, name, time.monotonic() - began, error)
        raise
    # without bronze_version: a replay does not move on what ordinary builds have built up to
    result = StageResult(SILVER, name, "replayed", time.monotonic() - began, rows_in, rows_out)
    return Built(record(ctx.lake, ctx.run_id, result), gates)


def _audit(ctx: RunContext, table: Table, upserts_df: DataFrame) -> tuple[GateResult, ...]:
    if not count_rows(upserts_df):
        return ()
    return tuple(audit_changes(ctx, upserts_df, table))


@flow(name="replay", description="Judge what lies in Bronze anew, after a parser or a rule was mended.")
def replay(
    providers: list[str] | None = None,
    symbols: list[str] | None = None,
    start: date | None = None,
    end: date | None = None,
    config_file: str | None = None,
    tables: list[str] | None = None,
) -> RunSummary:
    """Silver of the scope from Bronze alone, then all of Gold, and of ticks the days that changed.

    Only flat files that have expired are fetched, and only as they were.

    Args:
        providers: Judge what these providers sent. Empty: all of them.
        symbols: Judge the whole histories of these symbols. Empty: all symbols.
        start: Only series with a payload received on or after this date, UTC. Empty: since ever.
        end: Only series with a payload received on or before this date, UTC. Empty: until now.
        config_file: Settings file. Empty: the one that the worker's LAKEHOUSE_CONFIG names.
        tables: Only what these tables are made from, such as silver.trades. Empty: all of Silver.

    Raises:
        BuildBlocked: a gate refused a batch, or a day's files can no longer be had; all else was brought up.
        PlanError: a table that is not made from Bronze, a symbol or provider of which nothing lies in Bronze.
    """
    ctx = open_run_context(config_file)
    began = time.monotonic()
    scope = scope_of(Scope(tuple(providers or ()), tuple(symbols or ()), start, end, tuple(tables or ())))
    require_known(ctx.lake, scope)
    with build_session(ctx) as (writer, spark):
        built = replay_silver(writer, spark, scope)
        fetched, of_files = replay_files(writer, spark, scope)
        built += [*of_files, rebuild_gold(writer, spark), build_tick_gold(writer, spark)]
    return conclude(ctx.run_id, fetched, built, time.monotonic() - began)
