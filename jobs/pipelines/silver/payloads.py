"""Builds Silver tables from payloads: parse, validate, stage, audit, publish; each table by itself."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.tables.bronze import RAW_PAYLOADS
from jobs.engine.table_io import between, is_new, read_table
from jobs.history.bitemporal import has_repeated_keys, initial_rows
from jobs.history.pending_payloads import BronzeWindow, pending_window, read_payloads
from jobs.parsing.registry import has_parser, parse_payloads
from jobs.pipelines.publish import TableChanges, publish_changes, staged_changes
from jobs.pipelines.quarantine import ValidatedBatch, validated_batch
from jobs.pipelines.silver.isolation import staged_rows
from jobs.pipelines.silver.tables import SilverPipeline
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import SILVER, built_version, table_ids
from jobs.runs.stage import OpenStage, StageResult, recorded_stage


def build_silver(ctx: RunContext, spark: SparkSession, pipeline: SilverPipeline) -> StageResult:
    """Brings one Silver table up to all that has landed. A repeat changes nothing, even after a kill.

    A batch that its gate refuses leaves every table untouched and stays pending: the next build takes it up
    again, once the rule, the parser or the data is corrected.

    Raises:
        LakeError, SchemaMismatch: a table is missing, damaged or of another schema.
    """
    table = pipeline.table
    window = pending_window(ctx.lake, built_version(ctx.lake, table), of_bars=pipeline.has_bars)
    if not has_parser(pipeline.parsers, window.provider_datasets):
        return StageResult(SILVER, table.full_name, "nothing_new")
    with recorded_stage(ctx, SILVER, table.full_name) as stage:
        _publish(ctx, spark, pipeline, window, stage)
        stage.bronze_version = window.version
        stage.table_ids = table_ids(ctx.lake, RAW_PAYLOADS, table)
    return stage.result


def _publish(
    ctx: RunContext, spark: SparkSession, pipeline: SilverPipeline, window: BronzeWindow, stage: OpenStage
) -> None:
    table, datasets = pipeline.table, window.provider_datasets

    def validated(payloads_df: DataFrame) -> DataFrame:
        raw_df = parse_payloads(payloads_df, pipeline.parsers, datasets, window.parsing_tasks)
        return pipeline.validate(raw_df, datasets)

    payloads_df = read_payloads(spark, ctx.lake, window)
    validated_df, stage.detail = staged_rows(ctx, payloads_df, validated, f"{table.name}_validated")
    batch = validated_batch(validated_df, table.name, table.partition_by)
    stage.rows_in = batch.row_count
    publish_changes(ctx, _changes(ctx, spark, pipeline, batch), stage, batch)


def _changes(
    ctx: RunContext, spark: SparkSession, pipeline: SilverPipeline, batch: ValidatedBatch
) -> TableChanges:
    table, validated_df = pipeline.table, batch.rows_df
    has_rows = batch.bounds or not table.partition_by
    in_bounds = between("partition_dt", batch.bounds) if has_rows else "false"
    stored_df = read_table(spark, ctx.lake, table).alias("t").where(in_bounds)
    if pipeline.observed and _is_initial(
        pipeline, validated_df, None if is_new(ctx.lake, table) else stored_df
    ):
        # the validated rows without the invalid ones: no need to stage them once more
        rows_df = initial_rows(pipeline.observed(validated_df), table, ctx.run_id)
        return TableChanges(table, rows_df, batch.valid_count, bounds=batch.bounds, is_initial=True)
    changes_df = pipeline.changes(validated_df, stored_df, ctx.run_id)
    return staged_changes(ctx, table, changes_df, f"{table.name}_changes", batch.bounds)


def _is_initial(pipeline: SilverPipeline, validated_df: DataFrame, stored_df: DataFrame | None) -> bool:
    """Whether nothing is stored of the series of the validated rows, and no key occurs twice among them.

    `stored_df` None: nothing is stored at all.
    """
    if pipeline.observed is None:
        return False
    observed_df = pipeline.observed(validated_df)
    if stored_df is not None:
        series_df = observed_df.select(*pipeline.series).distinct()
        known_df = stored_df.join(F.broadcast(series_df), list(pipeline.series), "left_semi")
        if known_df.limit(1).collect():
            return False
    return not has_repeated_keys(observed_df, pipeline.table)
