"""Publishes batches of flat files: what a batch changes in its table, audited and committed once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.table import Table
from jobs.engine.table_io import between, read_table
from jobs.history.file_history import (
    file_changes,
    has_repeated_file_keys,
    initial_file_rows,
    rows_of_changed_keys,
)
from jobs.parsing.flat_files import FlatFile, FlatFileError, Universe
from jobs.pipelines.publish import TableChanges, publish_changes, staged_changes
from jobs.pipelines.quarantine import ValidatedBatch, validated_batch
from jobs.pipelines.silver.pending_files import build_marker
from jobs.pipelines.staging import staged
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import SILVER, table_ids
from jobs.runs.stage import (
    BLOCKING,
    Errors,
    OpenStage,
    StageResult,
    record,
    record_start,
    recorded_failure,
    recorded_stage,
)

FILE_BLOCKING: Errors = (*BLOCKING, FlatFileError)


@dataclass(frozen=True)
class FileLoad:
    """One file on its way into its table; all its rows are in the partition of `partition_dt`."""

    ctx: RunContext
    spark: SparkSession
    table: Table
    file: FlatFile
    universe: Universe
    partition_dt: date

    @property
    def name(self) -> str:
        """Names what is staged for it."""
        return f"{self.table.name}_{self.file.file_id[:12]}"

    @property
    def bounds(self) -> tuple[date, date]:
        """The first and last partition of its rows."""
        return self.partition_dt, self.partition_dt

    def staged(self, frame_df: DataFrame, name: str) -> DataFrame:
        """The frame, computed once and kept until the run ends."""
        return staged(self.ctx, frame_df, f"{self.name}_{name}")

    def stored(self) -> DataFrame:
        """What is stored of the file's day, provider and universe."""
        partition = between(self.table.partition_by[0], self.bounds)
        table_df = read_table(self.spark, self.ctx.lake, self.table).alias("t").where(partition)
        day_df = table_df.filter(
            (F.col("provider") == self.file.provider) & (F.col("trade_dt") == F.lit(self.file.file_dt))
        )
        if self.universe is None:
            return day_df
        return day_df.filter(F.col("symbol").isin(*sorted(self.universe)))


def build_file(load: FileLoad, publish: Callable[[FileLoad, OpenStage], None]) -> StageResult:
    """How the file's build ended, as recorded; `publish` publishes the batches and counts them in the stage.

    A file that cannot be read, or that a gate refuses, is blocked: it stays pending. Any other error goes on
    to the caller.
    """
    with recorded_stage(load.ctx, SILVER, load.table.full_name, FILE_BLOCKING) as stage:
        stage.source = load.file.key
        publish(load, stage)
        _mark_built(load, stage)
    return stage.result


def build_first_files(
    loads: Sequence[FileLoad], publish: Callable[[Sequence[FileLoad]], list[OpenStage] | None]
) -> list[StageResult] | None:
    """How the build of several files ended, one record per file; `publish` publishes all of them or none.

    None if they have to be built one by one: `publish` returned None, or one of them would be blocked.
    """
    ctx, subject = loads[0].ctx, loads[0].table.full_name
    record_start(ctx, SILVER, subject)
    timer = OpenStage()
    with recorded_failure(ctx, SILVER, subject):
        try:
            stages = publish(loads)
        except FILE_BLOCKING:
            return None
    if stages is None:
        return None
    seconds = timer.seconds / len(loads)
    for load, stage in zip(loads, stages, strict=True):
        _mark_built(load, stage)
    return [record(ctx, replace(stage.ended(SILVER, subject), seconds=seconds)) for stage in stages]


def _mark_built(load: FileLoad, stage: OpenStage) -> None:
    stage.detail = build_marker(load.file, load.universe)
    stage.table_ids = table_ids(load.ctx.lake, load.table)


def publish_batch(
    load: FileLoad, validated_df: DataFrame, stored_df: DataFrame, name: str, stage: OpenStage
) -> None:
    """Audits and merges what the validated rows change in their range of keys; quarantines invalid rows.

    `validated_df` is staged already; `stored_df` is the same range of keys as stored.

    Raises:
        GateFailed, SchemaMismatch: the batch was refused; nothing of it was written.
    """
    batch = validated_batch(validated_df, f"{load.name}_{name}")
    if stored_df.limit(1).collect() or not publish_first(load, batch, stage):
        publish_changes(load.ctx, _changes(load, batch, stored_df, name), stage, batch)


def publish_first(load: FileLoad, batch: ValidatedBatch, stage: OpenStage) -> bool:
    """Publishes a range of keys of which nothing is stored, and quarantines its invalid rows.

    Publishes nothing and returns False if a key occurs twice. The rows may come from several files; `load` is
    then the first one's.

    Raises:
        GateFailed, SchemaMismatch: the batch was refused; nothing of it was written.
    """
    if has_repeated_file_keys(batch.rows_df, load.table):
        return False
    rows_df = initial_file_rows(batch.rows_df, load.table, load.ctx.run_id)
    changes = TableChanges(load.table, rows_df, batch.valid_count, is_initial=True)
    publish_changes(load.ctx, changes, stage, batch)
    return True


def _changes(load: FileLoad, batch: ValidatedBatch, stored_df: DataFrame, name: str) -> TableChanges:
    """What the rows of a range change in what is stored of it."""
    table, validated_df = load.table, batch.rows_df
    incoming_df, known_df = (
        load.staged(frame_df, f"{name}_{side}")
        for side, frame_df in zip(
            ("incoming", "known"), rows_of_changed_keys(validated_df, stored_df, table), strict=True
        )
    )
    if not (incoming_df.limit(1).collect() or known_df.limit(1).collect()):
        return TableChanges(table, incoming_df, upserts=0)
    changes_df = file_changes(incoming_df, known_df, validated_df, load.file, table, load.ctx.run_id)
    return staged_changes(load.ctx, table, changes_df, f"{load.name}_{name}_changes", load.bounds)
