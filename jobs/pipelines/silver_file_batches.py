"""Brings flat files into their table: what a batch of one changes, or several new ones, gated, one commit."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.table import SchemaMismatch, Table
from jobs.engine.table_io import append_first, between, count_rows, merge_history, read_table
from jobs.history.bitemporal import OPERATION
from jobs.history.file_history import first_ticks, tick_changes, ticks_repeat_keys, unsettled
from jobs.parsing.flat_files import FlatFile, FlatFileError, Universe
from jobs.pipelines.pending_files import file_mark
from jobs.pipelines.quarantine import JudgedRows, counted_rows, set_aside
from jobs.pipelines.silver_payloads import Built, audit_changes, failed_gates
from jobs.pipelines.staging import staged
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import SILVER, StageResult, record, record_failure, record_start, table_ids
from quality.gate import GateFailed, GateResult


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

    def staged(self, frame_df: DataFrame, name: str) -> DataFrame:
        """The frame, computed once and kept until the run ends."""
        return staged(self.ctx, frame_df, f"{self.name}_{name}")

    def stored(self) -> DataFrame:
        """What is stored of the file's day, provider and universe."""
        partition = between(self.table.partition_by[0], (self.partition_dt, self.partition_dt))
        table_df = read_table(self.spark, self.ctx.lake, self.table).alias("t").where(partition)
        day_df = table_df.filter(
            (F.col("provider") == self.file.provider) & (F.col("trade_dt") == F.lit(self.file.file_dt))
        )
        if self.universe is None:
            return day_df
        return day_df.filter(F.col("symbol").isin(*sorted(self.universe)))


@dataclass
class Counts:
    """Rows judged, rows that change the table, rows set aside, and the verdicts, summed over batches."""

    rows_in: int = 0
    rows_out: int = 0
    rows_bad: int = 0
    gates: list[GateResult] = field(default_factory=list)


def build_file(load: FileLoad, publish: Callable[[FileLoad, Counts], None]) -> Built:
    """How the file's build ended, as the run log has it; `publish` publishes and counts the batches.

    A file that cannot be read, or that a gate refuses, is blocked: it stays pending. Any other error goes
    on to the caller.
    """
    began = time.monotonic()
    ctx, name = load.ctx, load.table.full_name
    record_start(ctx.lake, ctx.run_id, SILVER, name)
    counts = Counts()
    try:
        publish(load, counts)
    except (FlatFileError, GateFailed, SchemaMismatch) as failure:
        detail = f"{load.file.key}: {failure}"
        result = StageResult(SILVER, name, "blocked", time.monotonic() - began, detail=detail)
        return Built(record(ctx.lake, ctx.run_id, result), (*counts.gates, *failed_gates(failure)))
    except Exception as error:
        record_failure(ctx.lake, ctx.run_id, SILVER, name, time.monotonic() - began, error)
        raise
    return _built(load, counts, time.monotonic() - began)


def _built(load: FileLoad, counts: Counts, seconds: float) -> Built:
    """What the run log has of a file that is in its table."""
    result = StageResult(
        *(SILVER, load.table.full_name, "done", seconds),
        *(counts.rows_in, counts.rows_out, counts.rows_bad),
        detail=file_mark(load.file, load.universe),
        table_ids=table_ids(load.ctx.lake, load.table),
    )
    return Built(record(load.ctx.lake, load.ctx.run_id, result), tuple(counts.gates))


def build_first_files(
    loads: Sequence[FileLoad], publish: Callable[[Sequence[FileLoad]], list[Counts] | None]
) -> list[Built] | None:
    """How the files' build ended, as the run log has it, a line each; `publish` publishes all or nothing.

    None where they have to be built one by one: `publish` gave none, or something is wrong with one of them.
    """
    began = time.monotonic()
    ctx, name = loads[0].ctx, loads[0].table.full_name
    record_start(ctx.lake, ctx.run_id, SILVER, name)
    try:
        counts = publish(loads)
    except (FlatFileError, GateFailed, SchemaMismatch):
        return None
    except Exception as error:
        record_failure(ctx.lake, ctx.run_id, SILVER, name, time.monotonic() - began, error)
        raise
    if counts is None:
        return None
    seconds = (time.monotonic() - began) / len(loads)
    return [_built(load, each, seconds) for load, each in zip(loads, counts, strict=True)]


def publish_batch(
    load: FileLoad, validated_df: DataFrame, stored_df: DataFrame, name: str, counts: Counts
) -> None:
    """Publishes what the judged rows change in what is stored of their range, and sets the bad ones aside.

    `validated_df` is computed once already (`staged`); `stored_df` is the same range of keys as stored.

    Raises:
        GateFailed, SchemaMismatch: the batch is refused; nothing of it was written.
    """
    judged = counted_rows(validated_df)
    if stored_df.limit(1).collect() or not publish_first(load, judged, name, counts):
        _publish_changes(load, judged, stored_df, name, counts)


def publish_first(load: FileLoad, judged: JudgedRows, name: str, counts: Counts) -> bool:
    """Publishes a range of which nothing is stored, with its bad rows; false, and nothing of it, where a key
    comes twice. The rows may be of several files, `load` is then the first one's.

    Raises:
        GateFailed, SchemaMismatch: the batch is refused; nothing of it was written.
    """
    if ticks_repeat_keys(judged.rows_df, load.table):
        return False
    changes_df = first_ticks(judged.rows_df, load.table, load.ctx.run_id)
    added = judged.row_count - judged.bad_count
    if added:
        counts.gates += audit_changes(load.ctx, changes_df.drop(OPERATION), load.table)
    _set_aside(load, judged, name, counts)
    if added:
        append_first(load.ctx.lake, load.table, changes_df)
        counts.rows_out += added
    return True


def _publish_changes(
    load: FileLoad, judged: JudgedRows, stored_df: DataFrame, name: str, counts: Counts
) -> None:
    """Publishes what a range's rows change in what is stored of it."""
    table, file, validated_df = load.table, load.file, judged.rows_df
    open_df, known_df = (
        load.staged(frame_df, f"{name}_{side}")
        for side, frame_df in zip(("open", "known"), unsettled(validated_df, stored_df, table), strict=True)
    )
    if not (open_df.limit(1).collect() or known_df.limit(1).collect()):
        _set_aside(load, judged, name, counts)
        return
    changes_df = tick_changes(open_df, known_df, validated_df, file, table, load.ctx.run_id)
    changes_df = load.staged(changes_df, f"{name}_changes")
    upserts_df = changes_df.filter(F.col(OPERATION) == "upsert").drop(OPERATION)
    if count_rows(upserts_df):
        counts.gates += audit_changes(load.ctx, upserts_df, table)
    _set_aside(load, judged, name, counts)
    if changed := count_rows(changes_df):
        merge_history(load.ctx.lake, table, changes_df, (load.partition_dt, load.partition_dt))
        counts.rows_out += changed


def _set_aside(load: FileLoad, judged: JudgedRows, name: str, counts: Counts) -> None:
    if verdict := set_aside(load.ctx, judged, f"{load.name}_{name}_bad"):
        counts.gates.append(verdict)
        counts.rows_bad += verdict.row_count
