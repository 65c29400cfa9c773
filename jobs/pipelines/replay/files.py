"""Reprocesses flat files: all versions of a day, as if none had been built; writes what differs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.tables.silver import BARS, QUARANTINE
from jobs.engine.table_io import count_rows, read_table
from jobs.history.bitemporal import CHANGE_TYPE, observed_rows
from jobs.history.file_history import (
    file_changes,
    has_repeated_file_keys,
    initial_file_rows,
)
from jobs.history.row_diff import diff_rows
from jobs.parsing.flat_files import INTERVAL_OF, FlatFile, Universe, reading
from jobs.pipelines.publish import (
    TableChanges,
    audit_changes,
    commit_changes,
    publish_changes,
    staged_changes,
)
from jobs.pipelines.silver.bar_files import partition_of, validated_file
from jobs.pipelines.silver.file_batches import FILE_BLOCKING, FileLoad
from jobs.pipelines.silver.pending_files import build_marker
from jobs.pipelines.silver.tick_files import TICK_PIPELINES, TickPipeline, staged_file
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import SILVER, table_ids
from jobs.runs.stage import OpenStage, StageResult, recorded_stage
from jobs.silver.quarantine import quarantine_rows
from jobs.silver.tick_batches import TickBatch, symbol_batches, tick_batches
from jobs.silver.tick_rules import tick_day

_TICKS = {pipeline.dataset: pipeline for pipeline in TICK_PIPELINES}
TABLE_OF = {dataset: pipeline.table for dataset, pipeline in _TICKS.items()} | dict.fromkeys(
    INTERVAL_OF, BARS
)


@dataclass(frozen=True)
class FileDay:
    """All versions of one day's file that were landed, in the order in which they were."""

    dataset: str
    file_dt: date
    versions: tuple[FlatFile, ...]


@dataclass(frozen=True)
class _Part:
    """A range of a day's keys: the validated rows of each version, staged, and what is stored."""

    name: str
    validated: tuple[DataFrame, ...]
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
        stage.detail = build_marker(day.versions[-1], universe)  # by which Gold knows the day
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


def _tick_parts(pipeline: TickPipeline, loads: Sequence[FileLoad]) -> Iterator[_Part]:
    """Ranges that hold no more rows of all versions together than a batch may."""
    day = tick_day(loads[0].file.file_dt)
    versions = [staged_file(load, day) for load in loads]
    stored_df = loads[0].stored()
    symbols = [row[0] for row in stored_df.select("symbol").distinct().collect()]
    rows_per_batch = loads[0].ctx.settings.providers.massive.rows_per_batch
    for number, batch in enumerate(tick_batches(_together(versions), symbols, rows_per_batch)):
        validated = []
        for version, (load, version_df) in enumerate(zip(loads, versions, strict=True)):
            held_df = version_df.filter(batch.contains("ticker", "sequence"))
            validated_df = pipeline.validate(held_df, load.file, day, _earlier(version_df, batch))
            validated.append(load.staged(validated_df, f"again_{number}_{version}_validated"))
        range_df = stored_df.filter(batch.contains("symbol", "sequence_number"))
        yield _Part(f"again_{number}", tuple(validated), range_df)


def _earlier(staged_df: DataFrame, batch: TickBatch) -> int | None:
    """The latest SIP time of this version's rows before the batch, where that begins inside a symbol."""
    if batch.first is None:
        return None
    before = (F.col("ticker") == batch.first_symbol) & (F.col("sequence") < batch.first)
    latest = staged_df.filter(before).agg(F.max("sip_in_day")).collect()[0][0]
    return None if latest is None else int(latest)


def _bar_parts(loads: Sequence[FileLoad]) -> Iterator[_Part]:
    validated = []
    for version, load in enumerate(loads):
        with reading(load.file):  # a broken line shows when the rows are computed
            validated.append(load.staged(validated_file(load), f"again_{version}_validated"))
    stored_df = loads[0].stored().filter(F.col("interval") == INTERVAL_OF[loads[0].file.dataset])
    counts = dict.fromkeys((row[0] for row in stored_df.select("symbol").distinct().collect()), 0)
    for row in _together(validated).groupBy("symbol").count().collect():
        counts[row[0]] = int(row[1])
    rows_per_batch = loads[0].ctx.settings.providers.massive.rows_per_batch
    for number, batch in enumerate(symbol_batches(counts, rows_per_batch)):
        is_in_batch = batch.contains_symbol("symbol")
        parts = tuple(validated_df.filter(is_in_batch) for validated_df in validated)
        yield _Part(f"again_{number}", parts, stored_df.filter(is_in_batch))


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
    observed_df = observed_rows(validated_df, table)
    changes_df = file_changes(observed_df, known_df, validated_df, load.file, table, run_id)
    changes_df = load.staged(changes_df, f"{name}_learned")
    kept_df = known_df.join(changes_df.select(*table.keys), list(table.keys), "left_anti")
    learned_df = changes_df.filter(F.col(CHANGE_TYPE) == "upsert").drop(CHANGE_TYPE)
    return kept_df.select(*table.columns).unionByName(learned_df)


def _publish_quarantine(loads: Sequence[FileLoad], invalid_df: DataFrame, stage: OpenStage) -> None:
    """Quarantines the day's invalid rows, and takes back those that are valid now."""
    last = loads[-1]
    stored_df = read_table(last.spark, last.ctx.lake, QUARANTINE)
    is_of_day = (
        (F.col("provider") == last.file.provider)
        & (F.col("dataset") == last.file.dataset)
        & F.col("payload_id").isin(sorted({load.file.file_id for load in loads}))
    )
    if last.universe is not None:
        is_of_day &= F.col("symbol").isin("", *sorted(last.universe))
    others_df = stored_df.filter(~is_of_day)
    fresh_df = last.staged(quarantine_rows(invalid_df, others_df, last.ctx.run_id), "again_invalid")
    keys = list(QUARANTINE.keys)
    same_keys_df = others_df.join(fresh_df.select(*keys), keys, "left_semi").select(*QUARANTINE.columns)
    before_df = stored_df.filter(is_of_day).unionByName(same_keys_df)
    changes_df = diff_rows(fresh_df, before_df, QUARANTINE)
    name = f"{last.name}_again_invalid_changes"
    changes = staged_changes(last.ctx, QUARANTINE, changes_df, name)
    stage.gates += audit_changes(last.ctx, changes)
    commit_changes(last.ctx, changes)
    stage.rows_bad = count_rows(fresh_df)
