"""Judges flat files anew: of each day all versions, as if none had been built, and writes what differs."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.table import SchemaMismatch
from delta_tables.tables.silver import BARS, QUARANTINE
from jobs.engine.table_io import count_rows, merge_history, read_table
from jobs.history.bitemporal import CHANGE_TYPE
from jobs.history.file_history import (
    file_changes,
    has_repeated_file_keys,
    initial_file_rows,
    observed_file_rows,
)
from jobs.history.row_diff import diff_rows
from jobs.parsing.flat_files import FlatFile, FlatFileError, Universe, reading
from jobs.pipelines.pending_files import file_mark
from jobs.pipelines.silver_bar_files import INTERVAL_OF, judged_file, partition_of
from jobs.pipelines.silver_file_batches import FileLoad
from jobs.pipelines.silver_payloads import Built, audit_changes, failed_gates
from jobs.pipelines.silver_tick_files import TICK_TABLES, TickTable, staged_file
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import SILVER, StageResult, record, record_failure, record_start, table_ids
from jobs.silver.quarantine import quarantine_rows
from jobs.silver.tick_batches import TickBatch, symbol_batches, tick_batches
from jobs.silver.tick_rules import tick_day
from quality.gate import GateFailed, GateResult

_TICKS = {recipe.dataset: recipe for recipe in TICK_TABLES}
TABLE_OF = {dataset: recipe.table for dataset, recipe in _TICKS.items()} | dict.fromkeys(INTERVAL_OF, BARS)


@dataclass(frozen=True)
class FileDay:
    """All versions of one day's file that were landed, in the order in which they were."""

    dataset: str
    file_dt: date
    versions: tuple[FlatFile, ...]


@dataclass(frozen=True)
class _Part:
    """A range of a day's keys: the rows of each version, judged and computed once, and what is stored."""

    name: str
    judged: tuple[DataFrame, ...]
    stored_df: DataFrame


def replay_day(ctx: RunContext, spark: SparkSession, day: FileDay, universe: Universe) -> StageResult:
    """How the day's replay ended; the bytes of every version must be in the landing zone.

    Each part is one commit, the same parts as in an ordinary build. A refused day is blocked and stops no
    other; a killed replay is started again. Raises what is not the day's own fault.
    """
    table = TABLE_OF[day.dataset]
    partition_dt = partition_of(day.versions[0]) if table is BARS else day.file_dt
    loads = [FileLoad(ctx, spark, table, file, universe, partition_dt) for file in day.versions]
    with recorded_stage(ctx, SILVER, table.full_name, FILE_BLOCKING) as stage:
        stage.source = f"{day.dataset} of {day.file_dt}"
        _publish_day(loads, stage)
        stage.status = "replayed"
        stage.detail = file_mark(day.versions[-1], universe)  # by which Gold knows the day
        stage.table_ids = table_ids(ctx.lake, table)
    return stage.result


def _publish_day(loads: Sequence[FileLoad], stage: OpenStage) -> None:
    pipeline = _TICKS.get(loads[0].file.dataset)
    invalid: list[DataFrame] = []
    for part in _bar_parts(loads) if pipeline is None else _tick_parts(pipeline, loads):
        stage.rows_in += sum(count_rows(validated_df) for validated_df in part.validated)
        publish_changes(loads[-1].ctx, _part_changes(loads, part), stage)
        invalid += [validated_df.filter(F.size("reasons") > 0) for validated_df in part.validated]
    if invalid:
        _publish_quarantine(loads, _together(invalid), stage)


def _tick_parts(recipe: TickTable, loads: Sequence[FileLoad]) -> Iterator[_Part]:
    """Ranges that hold no more rows of all versions together than a batch may."""
    day = tick_day(loads[0].file.file_dt)
    staged = [staged_file(load, day) for load in loads]
    stored_df = loads[0].stored()
    symbols = [row[0] for row in stored_df.select("symbol").distinct().collect()]
    rows_per_batch = loads[0].ctx.settings.providers.massive.rows_per_batch
    batches = tick_batches(_together(staged), symbols, rows_per_batch)
    for number, batch in enumerate(batches):
        judged = (
            recipe.judge(
                staged_df.filter(batch.contains("ticker", "sequence")),
                load.file,
                day,
                _earlier(staged_df, batch),
            )
            for load, staged_df in zip(loads, staged, strict=True)
        )
        yield _Part(
            f"again_{number}",
            tuple(
                load.staged(validated_df, f"again_{number}_{version}_judged")
                for version, (load, validated_df) in enumerate(zip(loads, judged, strict=True))
            ),
            stored_df.filter(batch.contains("symbol", "sequence_number")),
        )


def _earlier(staged_df: DataFrame, batch: TickBatch) -> int | None:
    """The latest SIP time of this version's rows before the batch, where that begins inside a symbol."""
    if batch.first is None:
        return None
    before = (F.col("ticker") == batch.first_symbol) & (F.col("sequence") < batch.first)
    latest = staged_df.filter(before).agg(F.max("sip_in_day")).collect()[0][0]
    return None if latest is None else int(latest)


def _bar_parts(loads: Sequence[FileLoad]) -> Iterator[_Part]:
    judged = []
    for version, load in enumerate(loads):
        with reading(load.file):  # a broken line shows when the rows are computed
            judged.append(load.staged(judged_file(load), f"again_{version}_judged"))
    stored_df = loads[0].stored().filter(F.col("interval") == INTERVAL_OF[loads[0].file.dataset])
    counts = dict.fromkeys((row[0] for row in stored_df.select("symbol").distinct().collect()), 0)
    for row in _together(judged).groupBy("symbol").count().collect():
        counts[row[0]] = int(row[1])
    rows_per_batch = loads[0].ctx.settings.providers.massive.rows_per_batch
    for number, batch in enumerate(symbol_batches(counts, rows_per_batch)):
        held = batch.contains_symbol("symbol")
        yield _Part(f"again_{number}", tuple(each.filter(held) for each in judged), stored_df.filter(held))


def _together(frames: Sequence[DataFrame]) -> DataFrame:
    return reduce(lambda above, below: above.unionByName(below), frames)


def _part_changes(loads: Sequence[FileLoad], part: _Part) -> TableChanges:
    """The rows that differ between what the versions hold and what is stored."""
    last, table = loads[-1], loads[-1].table
    known_df = part.stored_df.where("false").select(*table.columns)
    for version, (load, validated_df) in enumerate(zip(loads, part.validated, strict=True)):
        name = f"{part.name}_{version}"
        known_df = load.staged(_known_after(load, validated_df, known_df, name), f"{name}_known")
    changes_df = diff_rows(known_df, part.stored_df.select(*table.columns), table)
    return staged_changes(last.ctx, table, changes_df, f"{last.name}_{part.name}_changes", last.bounds)


def _known_after(load: FileLoad, validated_df: DataFrame, known_df: DataFrame, name: str) -> DataFrame:
    """What is known of a range after one more version."""
    table, run_id = load.table, load.ctx.run_id
    if not known_df.limit(1).collect() and not has_repeated_file_keys(validated_df, table):
        return initial_file_rows(validated_df, table, run_id).drop(CHANGE_TYPE)
    observed_df = observed_file_rows(validated_df, table)
    changes_df = file_changes(observed_df, known_df, validated_df, load.file, table, run_id)
    changes_df = load.staged(changes_df, f"{name}_learned")
    kept_df = known_df.join(changes_df.select(*table.keys), list(table.keys), "left_anti")
    learned_df = changes_df.filter(F.col(CHANGE_TYPE) == "upsert").drop(CHANGE_TYPE)
    return kept_df.select(*table.columns).unionByName(learned_df)


def _publish_bad(loads: Sequence[FileLoad], bad_df: DataFrame, gates: list[GateResult]) -> int:
    """Sets the day's bad rows aside, and takes back those that are bad no longer."""
    last = loads[-1]
    stored_df = read_table(last.spark, last.ctx.lake, QUARANTINE)
    is_ours = (
        (F.col("provider") == last.file.provider)
        & (F.col("dataset") == last.file.dataset)
        & F.col("payload_id").isin(sorted({load.file.file_id for load in loads}))
    )
    if last.universe is not None:
        is_ours &= F.col("symbol").isin("", *sorted(last.universe))
    fresh_df = last.staged(quarantine_rows(bad_df, stored_df.filter(~is_ours), last.ctx.run_id), "again_bad")
    keys = list(QUARANTINE.keys)
    before_df = stored_df.filter(is_ours).unionByName(
        stored_df.filter(~is_ours).join(fresh_df.select(*keys), keys, "left_semi").select(*QUARANTINE.columns)
    )
    changes_df = last.staged(diff_rows(fresh_df, before_df, QUARANTINE), "again_bad_changes")
    upserts_df = changes_df.filter(F.col(CHANGE_TYPE) == "upsert").drop(CHANGE_TYPE)
    if count_rows(upserts_df):
        gates += audit_changes(last.ctx, upserts_df, QUARANTINE)
    if count_rows(changes_df):
        merge_history(last.ctx.lake, QUARANTINE, changes_df, None)
    return count_rows(fresh_df)
