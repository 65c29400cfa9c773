"""Reprocesses payloads: rebuilds the Silver rows of a scope from Bronze, after a parser or rule fix."""

from collections.abc import Collection, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.table import Table
from delta_tables.tables.bronze import RAW_PAYLOADS
from delta_tables.tables.silver import QUARANTINE
from jobs.engine.table_io import count_rows, read_table
from jobs.history.bitemporal import CHANGE_TYPE
from jobs.history.payload_bodies import body_bounds, with_bodies
from jobs.history.row_diff import diff_rows
from jobs.parsing.registry import has_parser, parse_payloads
from jobs.pipelines.publish import publish_changes, staged_changes
from jobs.pipelines.replay.scope import ReplayScope, payload_pipelines
from jobs.pipelines.silver.isolation import staged_rows
from jobs.pipelines.silver.tables import SILVER_PIPELINES, SilverPipeline
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import SILVER
from jobs.runs.stage import StageResult, recorded_stage
from jobs.silver.quarantine import quarantine_rows


def replay_payloads(ctx: RunContext, spark: SparkSession, scope: ReplayScope) -> list[StageResult]:
    """Rebuilds the Silver rows of the scope from its payloads, and its rows in the quarantine.

    A table whose new rows its gate refuses stays as it is. A killed replay is started again.
    """
    payloads_df = _payloads(ctx, spark, scope)
    selected = payload_pipelines(scope)
    datasets = frozenset(
        (row[0], row[1])
        for row in payloads_df.select("provider", "dataset").distinct().collect()
        if any(has_parser(pipeline.parsers, {(row[0], row[1])}) for pipeline in selected)
    )
    pipelines = [pipeline for pipeline in SILVER_PIPELINES if has_parser(pipeline.parsers, datasets)]
    if not pipelines:
        return []
    payloads_df = payloads_df.filter(_is_of(datasets))
    validated = [_validated(ctx, pipeline, payloads_df, datasets) for pipeline in pipelines]
    results = [
        _replay(ctx, pipeline, validated_df, failed, payloads_df)
        for pipeline, (validated_df, failed) in zip(pipelines, validated, strict=True)
    ]
    frames = [validated_df for validated_df, _ in validated]
    return [*results, _replay_quarantine(ctx, spark, frames, payloads_df)]


def _validated(
    ctx: RunContext, pipeline: SilverPipeline, payloads_df: DataFrame, datasets: frozenset[tuple[str, str]]
) -> tuple[DataFrame, str | None]:
    """The validated rows, and which payloads the engine failed on."""

    def validated(part_df: DataFrame) -> DataFrame:
        return pipeline.validate(parse_payloads(part_df, pipeline.parsers, datasets), datasets)

    return staged_rows(ctx, payloads_df, validated, f"{pipeline.table.name}_revalidated")


def _is_of(datasets: Collection[tuple[str, str]]) -> Column:
    """Whether a payload is of one of the (provider, dataset) pairs."""
    is_of = F.lit(False)
    for provider, dataset in sorted(datasets):
        is_of |= (F.col("provider") == provider) & (F.col("dataset") == dataset)
    return is_of


def _payloads(ctx: RunContext, spark: SparkSession, scope: ReplayScope) -> DataFrame:
    stored_df = read_table(spark, ctx.lake, RAW_PAYLOADS)
    return with_bodies(_selected(stored_df, scope), stored_df, body_bounds(ctx.lake))


def _selected(payloads_df: DataFrame, scope: ReplayScope) -> DataFrame:
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


def _replay(
    ctx: RunContext,
    pipeline: SilverPipeline,
    validated_df: DataFrame,
    failed: str | None,
    payloads_df: DataFrame,
) -> StageResult:
    stored_df = read_table(validated_df.sparkSession, ctx.lake, pipeline.table)
    fresh_df = pipeline.changes(validated_df, stored_df.where("false"), ctx.run_id).drop(CHANGE_TYPE)
    rows_in = count_rows(validated_df)
    return _publish(ctx, pipeline.table, fresh_df, stored_df, payloads_df, rows_in, failed)


def _replay_quarantine(
    ctx: RunContext, spark: SparkSession, validated: Sequence[DataFrame], payloads_df: DataFrame
) -> StageResult:
    stored_df = read_table(spark, ctx.lake, QUARANTINE)
    invalid = [quarantine_rows(frame_df, stored_df.where("false"), ctx.run_id) for frame_df in validated]
    fresh_df = reduce(lambda above, below: above.unionByName(below), invalid)
    return _publish(ctx, QUARANTINE, fresh_df, stored_df, payloads_df, 0)


def _publish(
    ctx: RunContext,
    table: Table,
    fresh_df: DataFrame,
    stored_df: DataFrame,
    payloads_df: DataFrame,
    rows_in: int,
    detail: str | None = None,
) -> StageResult:
    """Replaces what is stored of the payloads by the fresh rows.

    The result has no bronze_version: a replay does not advance what ordinary builds have built up to.
    """
    with recorded_stage(ctx, SILVER, table.full_name) as stage:
        payload_ids_df = payloads_df.select("payload_id").distinct()
        before_df = stored_df.join(payload_ids_df, "payload_id", "left_semi").select(*table.columns)
        changes_df = diff_rows(fresh_df, before_df, table)
        changes = staged_changes(ctx, table, changes_df, f"{table.name}_replay")
        publish_changes(ctx, changes, stage)
        stage.status, stage.rows_in, stage.detail = "replayed", rows_in, detail
    return stage.result
