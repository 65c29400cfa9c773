"""Builds silver.bars from the flat files of bars that have landed: new days together, others one by one."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.tables.silver import BARS
from jobs.engine.table_io import between, read_table
from jobs.market_calendar.sessions import STOCKS_US, sessions_frame
from jobs.parsing.flat_files import DAY_BARS, INTERVAL_OF, MINUTE_BARS, FlatFile, read_bar_file, reading
from jobs.pipelines.quarantine import ValidatedBatch
from jobs.pipelines.silver.file_batches import (
    FileLoad,
    build_file,
    build_first_files,
    publish_batch,
    publish_first,
)
from jobs.pipelines.silver.pending_files import pending_files, universe_of
from jobs.runs.run_context import RunContext
from jobs.runs.stage import OpenStage, StageResult
from jobs.silver.bar_rules import validate_bars
from jobs.silver.bars import drop_rule_columns
from jobs.silver.tick_batches import symbol_batches

_MIN_BYTES_PER_ROW = 15  # of a gzipped file; real ones have 15 to 20
_MAX_FILES = 16  # each is a branch of the plan, which takes ever longer to send and to plan


def build_bar_files(ctx: RunContext, spark: SparkSession) -> list[StageResult]:
    """Brings silver.bars up to the files of minute and day bars that have landed, oldest day first.

    A file that cannot be read, or that a gate refuses, stays pending and does not stop the others.

    Raises:
        LakeError: a table is missing or damaged.
    """
    universe = universe_of(ctx)
    return [
        result
        for dataset in (MINUTE_BARS, DAY_BARS)
        for files in _groups(pending_files(ctx.lake, dataset, BARS, universe), _max_bytes(ctx))
        for result in _build(
            [FileLoad(ctx, spark, BARS, file, universe, partition_of(file)) for file in files]
        )
    ]


def _max_bytes(ctx: RunContext) -> int:
    return ctx.settings.providers.massive.rows_per_batch * _MIN_BYTES_PER_ROW


def _groups(files: Iterable[FlatFile], max_bytes: int) -> list[list[FlatFile]]:
    """Files of one day each, packed together up to the bound."""
    groups: list[list[FlatFile]] = []
    for file in files:
        last = groups[-1] if groups else []
        is_other_day = file.file_dt not in {other.file_dt for other in last}
        has_room = 0 < len(last) < _MAX_FILES
        if (
            has_room
            and is_other_day
            and sum(other.size_bytes for other in last) + file.size_bytes <= max_bytes
        ):
            last.append(file)
        else:
            groups.append([file])
    return groups


def _build(loads: Sequence[FileLoad]) -> list[StageResult]:
    """Builds new days together; builds files one by one if their days are known or one of them is refused."""
    together = build_first_files(loads, _publish_together) if len(loads) > 1 else None
    return together or [build_file(load, _publish) for load in loads]


def _publish_together(loads: Sequence[FileLoad]) -> list[OpenStage] | None:
    """The counts of each file, once all are published; the first one has the gate results of all.

    None if anything is stored of their days, a key occurs twice, or they are too many rows for a batch.

    Raises:
        FlatFileError, GateFailed, SchemaMismatch: what was wrong; nothing of them is published.
    """
    first = loads[0]
    if _are_known(loads):
        return None
    frames = []
    for load in loads:
        with reading(load.file):
            frames.append(validated_file(load).withColumn("file_dt", F.lit(load.file.file_dt)))
    with reading(first.file):  # a broken line shows when the rows are computed; then each is tried by itself
        validated_df = first.staged(
            reduce(lambda above, below: above.unionByName(below), frames), "validated_together"
        )
    is_invalid = F.size("reasons") > 0
    counted_df = validated_df.groupBy("file_dt").agg(F.count(F.lit(1)), F.count(F.when(is_invalid, F.lit(1))))
    counts = {row[0]: (int(row[1]), int(row[2])) for row in counted_df.collect()}
    batch = ValidatedBatch(
        validated_df,
        sum(total for total, _ in counts.values()),
        sum(invalid for _, invalid in counts.values()),
        f"{first.name}_together",
    )
    together = OpenStage()
    is_too_large = batch.row_count > first.ctx.settings.providers.massive.rows_per_batch
    if is_too_large or not publish_first(first, batch, together):
        return None
    by_file = (counts.get(load.file.file_dt, (0, 0)) for load in loads)
    stages = [
        OpenStage(rows_in=total, rows_out=total - invalid, rows_bad=invalid) for total, invalid in by_file
    ]
    stages[0].gates = together.gates
    return stages


def _are_known(loads: Sequence[FileLoad]) -> bool:
    """Whether any bar of the files' interval is stored of one of their days."""
    first = loads[0]
    partitions = [load.partition_dt for load in loads]
    stored_df = read_table(first.spark, first.ctx.lake, BARS).alias("t")
    days_df = stored_df.where(between("partition_dt", (min(partitions), max(partitions)))).filter(
        (F.col("interval") == INTERVAL_OF[first.file.dataset])
        & (F.col("provider") == first.file.provider)
        & F.col("trade_dt").isin(*(load.file.file_dt for load in loads))
    )
    return bool(days_df.limit(1).collect())


def partition_of(file: FlatFile) -> date:
    """The partition_dt of the file's rows in silver.bars."""
    return file.file_dt.replace(month=1, day=1) if file.dataset == DAY_BARS else file.file_dt


def _publish(load: FileLoad, stage: OpenStage) -> None:
    """Publishes the file in ranges of symbols of a bounded number of rows, and counts them in `stage`.

    Raises:
        FlatFileError, GateFailed, SchemaMismatch: what was wrong; earlier batches are published.
    """
    with reading(load.file):  # a broken line shows when the rows are computed
        validated_df = load.staged(validated_file(load), "validated")
    stored_df = load.stored().filter(F.col("interval") == INTERVAL_OF[load.file.dataset])
    stored = [row[0] for row in stored_df.select("symbol").distinct().collect()]
    counts = {row[0]: int(row[1]) for row in validated_df.groupBy("symbol").count().collect()}
    rows_per_batch = load.ctx.settings.providers.massive.rows_per_batch
    batches = symbol_batches(dict.fromkeys(stored, 0) | counts, rows_per_batch)
    for number, batch in enumerate(batches):
        is_in_batch = batch.contains_symbol("symbol")
        part_df = validated_df.filter(is_in_batch)
        if len(batches) > 1:  # gates and table would each read the whole file
            part_df = load.staged(part_df, f"{number}_part")
        publish_batch(load, part_df, stored_df.filter(is_in_batch), str(number), stage)
        stage.rows_in += batch.row_count


def validated_file(load: FileLoad) -> DataFrame:
    """The file's bars with `reasons`, by the rules of any bar and those of a file: its day, and a ticker."""
    file = load.file
    days = (file.file_dt - timedelta(days=1), file.file_dt + timedelta(days=1))
    raw_df = read_bar_file(load.spark, load.ctx.lake, file, load.universe)
    of_file = {
        "missing_symbol": F.col("symbol") == "",
        "other_date": F.col("trade_dt") != F.lit(file.file_dt),
    }
    return drop_rule_columns(validate_bars(raw_df, sessions_frame(load.spark, (STOCKS_US,), *days), of_file))
