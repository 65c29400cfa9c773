"""Builds Silver ticks from the flat files that have landed: judge, stage, audit, publish, batch by batch."""

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from delta_tables.table import Table
from delta_tables.tables.silver_ticks import QUOTES, TRADES
from jobs.parsing import flat_files
from jobs.parsing.flat_files import FlatFile, FlatFileError, read_flat_file, reading
from jobs.pipelines.pending_files import pending_files, universe_of
from jobs.pipelines.silver_file_batches import Counts, FileLoad, build_file, publish_batch
from jobs.pipelines.silver_payloads import Built
from jobs.runs.run_context import RunContext
from jobs.silver.quotes import validated_quotes
from jobs.silver.tick_batches import tick_batches
from jobs.silver.tick_rules import TickDay, tick_day, with_batch_columns
from jobs.silver.trades import validated_trades

Judge = Callable[[DataFrame, FlatFile, TickDay, int | None], DataFrame]


@dataclass(frozen=True)
class TickTable:
    """How one table of ticks is built: from which dataset, and how its rows are judged."""

    table: Table
    dataset: str
    judge: Judge

    def publish(self, load: FileLoad, counts: Counts) -> None:
        """The file in batches of a bounded number of rows; `counts` grows with each that is published.

        Raises:
            FlatFileError, GateFailed, SchemaMismatch: what was wrong; batches before it are published.
        """
        day = tick_day(load.file.file_dt)
        staged_df = staged_file(load, day)
        stored_df = load.stored()
        symbols = [row[0] for row in stored_df.select("symbol").distinct().collect()]
        rows_per_batch = load.ctx.settings.providers.massive.rows_per_batch
        for number, batch in enumerate(tick_batches(staged_df, symbols, rows_per_batch)):
            held_df = staged_df.filter(batch.holds("ticker", "sequence"))
            validated_df = self.judge(held_df, load.file, day, batch.earlier_sip_ns)
            validated_df = load.staged(validated_df, f"{number}_judged")
            range_df = stored_df.filter(batch.holds("symbol", "sequence_number"))
            publish_batch(load, validated_df, range_df, str(number), counts)
            counts.rows_in += batch.row_count


TICK_TABLES = (
    TickTable(TRADES, flat_files.TRADES, validated_trades),
    TickTable(QUOTES, flat_files.QUOTES, validated_quotes),
)


def build_files(ctx: RunContext, spark: SparkSession) -> list[Built]:
    """Brings silver.trades and silver.quotes up to the flat files that have landed, oldest day first.

    A file that cannot be read, or that a gate refuses, stays pending and does not stop the others. What its
    earlier batches have published stays; building it again changes nothing about them.

    Raises:
        LakeError: a table is missing or damaged.
    """
    universe = universe_of(ctx)
    return [
        build_file(FileLoad(ctx, spark, recipe.table, file, universe, file.file_dt), recipe.publish)
        for recipe in TICK_TABLES
        for file in pending_files(ctx.lake, recipe.dataset, recipe.table, universe)
    ]


def staged_file(load: FileLoad, day: TickDay) -> DataFrame:
    """The file's rows of the universe as text, read once.

    Raises:
        FlatFileError: it cannot be read, or has no rows at all.
    """
    lake, file = load.ctx.lake, load.file
    rows_df = read_flat_file(load.spark, lake, file, load.universe)
    with reading(file):
        staged_df = load.staged(with_batch_columns(rows_df, day), "rows")
    if (
        not staged_df.limit(1).collect()
        and not read_flat_file(load.spark, lake, file, None).limit(1).collect()
    ):
        raise FlatFileError(
            f"{file.key}: wanted the ticks of {file.file_dt}, found no rows; fetch the file again"
        )
    return staged_df
