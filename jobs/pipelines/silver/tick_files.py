"""Builds silver.trades and silver.quotes from flat files, in batches of a bounded number of rows."""

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from delta_tables.table import Table
from delta_tables.tables.silver_ticks import QUOTES, TRADES
from jobs.parsing import flat_files
from jobs.parsing.flat_files import FlatFile, FlatFileError, read_flat_file, reading
from jobs.pipelines.silver.file_batches import FileLoad, build_file, publish_batch
from jobs.pipelines.silver.pending_files import pending_files, universe_of
from jobs.runs.run_context import RunContext
from jobs.runs.stage import OpenStage, StageResult
from jobs.silver.quotes import validated_quotes
from jobs.silver.tick_batches import tick_batches
from jobs.silver.tick_rules import TickDay, tick_day, with_batch_columns
from jobs.silver.trades import validated_trades

Validate = Callable[[DataFrame, FlatFile, TickDay, int | None], DataFrame]


@dataclass(frozen=True)
class TickPipeline:
    """How one table of ticks is built: from which dataset, and how its rows are validated."""

    table: Table
    dataset: str
    validate: Validate

    def publish(self, load: FileLoad, stage: OpenStage) -> None:
        """Publishes the file in batches of a bounded number of rows, and counts them in `stage`.

        Raises:
            FlatFileError, GateFailed, SchemaMismatch: what was wrong; earlier batches are published.
        """
        day = tick_day(load.file.file_dt)
        rows_df = staged_file(load, day)
        stored_df = load.stored()
        symbols = [row[0] for row in stored_df.select("symbol").distinct().collect()]
        rows_per_batch = load.ctx.settings.providers.massive.rows_per_batch
        for number, batch in enumerate(tick_batches(rows_df, symbols, rows_per_batch)):
            held_df = rows_df.filter(batch.contains("ticker", "sequence"))
            validated_df = self.validate(held_df, load.file, day, batch.earlier_sip_ns)
            validated_df = load.staged(validated_df, f"{number}_validated")
            range_df = stored_df.filter(batch.contains("symbol", "sequence_number"))
            publish_batch(load, validated_df, range_df, str(number), stage)
            stage.rows_in += batch.row_count


TICK_PIPELINES = (
    TickPipeline(TRADES, flat_files.TRADES, validated_trades),
    TickPipeline(QUOTES, flat_files.QUOTES, validated_quotes),
)


def build_tick_files(ctx: RunContext, spark: SparkSession) -> list[StageResult]:
    """Brings silver.trades and silver.quotes up to the flat files that have landed, oldest day first.

    A file that cannot be read, or that a gate refuses, stays pending and does not stop the others. What its
    earlier batches have published stays; building it again does not change it.

    Raises:
        LakeError: a table is missing or damaged.
    """
    universe = universe_of(ctx)
    return [
        build_file(FileLoad(ctx, spark, pipeline.table, file, universe, file.file_dt), pipeline.publish)
        for pipeline in TICK_PIPELINES
        for file in pending_files(ctx.lake, pipeline.dataset, pipeline.table, universe)
    ]


def staged_file(load: FileLoad, day: TickDay) -> DataFrame:
    """The file's rows of the universe as raw strings, read once.

    Raises:
        FlatFileError: it cannot be read, or has no rows at all.
    """
    lake, file = load.ctx.lake, load.file
    raw_df = read_flat_file(load.spark, lake, file, load.universe)
    with reading(file):
        rows_df = load.staged(with_batch_columns(raw_df, day), "rows")
    if not rows_df.limit(1).collect() and not read_flat_file(load.spark, lake, file, None).limit(1).collect():
        raise FlatFileError(f"{file.key} holds no ticks of {file.file_dt}: fetch the file again")
    return rows_df
