"""Builds silver.bars from the flat files of bars that have landed, a file at a time."""

from datetime import date, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.silver import BARS
from flows.file_publishing import Counts, FileLoad, build_file, publish_batch
from flows.file_versions import pending_files, universe_of
from flows.silver_build import Built
from flows.workspace import Workspace
from jobs.bar_rules import broken_rules, judge_bars
from jobs.flat_files import DAY_BARS, MINUTE_BARS, FlatFile, raw_bars, reading
from jobs.tick_batches import symbol_batches
from jobs.trading_calendar import STOCKS_US, sessions_frame

INTERVAL_OF = {MINUTE_BARS: "1min", DAY_BARS: "1day"}


def build_bar_files(work: Workspace, spark: SparkSession) -> list[Built]:
    """Brings silver.bars up to the files of minute and day bars that have landed, oldest day first.

    A file that cannot be read, or that a gate refuses, stays pending and does not stop the others.

    Raises:
        LakeError: a table is missing or damaged.
    """
    universe = universe_of(work)
    return [
        build_file(FileLoad(work, spark, BARS, file, universe, partition_of(file)), _publish)
        for dataset in (MINUTE_BARS, DAY_BARS)
        for file in pending_files(work.lake, dataset, BARS, universe)
    ]


def partition_of(file: FlatFile) -> date:
    """Where silver.bars keeps the file's rows: see its partition_dt."""
    return file.file_dt.replace(month=1, day=1) if file.dataset == DAY_BARS else file.file_dt


def _publish(load: FileLoad, counts: Counts) -> None:
    """The file in ranges of symbols of a bounded number of rows; `counts` grows with each that is published.

    Raises:
        FlatFileError, GateFailed, SchemaMismatch: what was wrong; batches before it are published.
    """
    with reading(load.file):  # a broken line shows when the rows are computed
        judged_df = load.staged(judged_file(load), "judged")
    stored_df = load.stored().filter(F.col("interval") == INTERVAL_OF[load.file.dataset])
    stored = [row[0] for row in stored_df.select("symbol").distinct().collect()]
    found = {row[0]: int(row[1]) for row in judged_df.groupBy("symbol").count().collect()}
    rows_per_batch = load.work.settings.providers.massive.rows_per_batch
    batches = symbol_batches(dict.fromkeys(stored, 0) | found, rows_per_batch)
    for number, batch in enumerate(batches):
        held = batch.holds_symbol("symbol")
        publish_batch(load, judged_df.filter(held), stored_df.filter(held), str(number), counts)
        counts.rows_in += batch.row_count


def judged_file(load: FileLoad) -> DataFrame:
    """The file's bars, judged as any bar and as those of a file, which are of its day and have a ticker."""
    file = load.file
    days = (file.file_dt - timedelta(days=1), file.file_dt + timedelta(days=1))
    raw_df = raw_bars(load.spark, load.work.lake, vars(file), load.universe)
    judged_df = judge_bars(raw_df, sessions_frame(load.spark, (STOCKS_US,), *days))
    of_file = broken_rules(
        {
            "missing_symbol": F.col("symbol") == "",
            "other_date": F.col("trade_dt") != F.lit(file.file_dt),
        }
    )
    return judged_df.withColumn("reasons", F.array_sort(F.concat("reasons", of_file)))
