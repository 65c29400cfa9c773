"""Builds Silver ticks from the flat files that have landed: judge, stage, audit, publish, batch by batch."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.arrow_io import read_rows
from delta_tables.bronze import RAW_FILES
from delta_tables.lake import Lake
from delta_tables.ops import RUNS
from delta_tables.silver import QUARANTINE
from delta_tables.silver_ticks import QUOTES, TRADES
from delta_tables.table import SchemaMismatch, Table
from flows.gates import audit
from flows.run_log import SILVER, StageResult, record, record_failure, record_start, table_ids
from flows.silver_build import Built, failed_gates
from flows.workspace import Workspace
from jobs import flat_files
from jobs.bitemporal import OPERATION
from jobs.flat_files import FlatFile, FlatFileError, Universe, flat_file, read_flat_file, reading
from jobs.quarantine import quarantine_rows
from jobs.quotes import judged_quotes
from jobs.table_io import between, count_rows, merge_history, merge_rows, read_table, require_values, stage
from jobs.tick_batches import tick_batches
from jobs.tick_history import first_ticks, has_repeated_keys, tick_changes, unsettled
from jobs.tick_io import append_first
from jobs.tick_rules import TickDay, staged_texts, tick_day
from jobs.trades import judged_trades
from quality.gate import GateFailed, GateResult

Judge = Callable[[DataFrame, FlatFile, TickDay, int | None], DataFrame]


@dataclass(frozen=True)
class TickTable:
    """How one table of ticks is built: from which dataset, and how its rows are judged."""

    table: Table
    dataset: str
    judge: Judge


TICK_TABLES = (
    TickTable(TRADES, flat_files.TRADES, judged_trades),
    TickTable(QUOTES, flat_files.QUOTES, judged_quotes),
)


@dataclass
class _Counts:
    """Rows judged, rows that change the table, rows set aside, and the verdicts, summed over batches."""

    rows_in: int = 0
    rows_out: int = 0
    rows_bad: int = 0
    gates: list[GateResult] = field(default_factory=list)


@dataclass(frozen=True)
class _Load:
    """One file on its way into its table."""

    work: Workspace
    spark: SparkSession
    recipe: TickTable
    file: FlatFile
    universe: Universe

    @property
    def name(self) -> str:
        return f"{self.recipe.table.name}_{self.file.file_id[:12]}"


def build_files(work: Workspace, spark: SparkSession) -> list[Built]:
    """Brings silver.trades and silver.quotes up to the flat files that have landed, oldest day first.

    A file that cannot be read, or that a gate refuses, stays pending and does not stop the others. What its
    earlier batches have published stays; building it again changes nothing about them.

    Raises:
        LakeError: a table is missing or damaged.
    """
    universe = universe_of(work)
    return [
        _build_file(_Load(work, spark, recipe, file, universe))
        for recipe in TICK_TABLES
        for file in pending_files(work.lake, recipe.dataset, recipe.table, universe)
    ]


def universe_of(work: Workspace) -> Universe:
    """The symbols that are taken out of a file: the watch list's stocks; None for all."""
    settings = work.settings
    return None if settings.providers.massive.universe == "all" else frozenset(settings.watch_list.stocks)


def file_mark(file: FlatFile, universe: Universe) -> str:
    """What the run log says of a built file: which version of it, received when, for which universe."""
    symbols = (
        "all" if universe is None else hashlib.sha256("\n".join(sorted(universe)).encode()).hexdigest()[:8]
    )
    return f"{file.file_id} {file.fetched_at.astimezone(UTC).isoformat()} {symbols}"


def pending_files(lake: Lake, dataset: str, table: Table, universe: Universe) -> list[FlatFile]:
    """The versions of the dataset's files not built into `table` for this universe, in order of knowledge.

    With a version that arrives late the later ones of its day are built once more, so that the history comes
    out as if it had arrived in time. A file built for another universe whose bytes are no longer kept is
    left out: nothing can be added from it.
    """
    rows = read_rows(lake, RAW_FILES, where=f"dataset = '{dataset}'").to_pylist()
    files = sorted(
        (flat_file(row) for row in rows), key=lambda file: (file.file_dt, file.fetched_at, file.file_id)
    )
    done = _built_marks(lake, table)
    ever = {mark.rsplit(" ", 1)[0] for mark in done}
    pending: list[FlatFile] = []
    for file in files:
        is_new = file_mark(file, universe) not in done
        follows = bool(pending) and pending[-1].file_dt == file.file_dt
        was_built = file_mark(file, universe).rsplit(" ", 1)[0] in ever
        if (is_new or follows) and not (was_built and not _is_kept(lake, file)):
            pending.append(file)
    return pending


def _built_marks(lake: Lake, table: Table) -> set[str]:
    where = f"stage = '{SILVER}' AND subject = '{table.full_name}' AND status = 'done'"
    ids = table_ids(lake, table)
    found = read_rows(lake, RUNS, ["detail"], f"{where} AND table_ids = '{ids}' AND detail IS NOT NULL")
    return set(found["detail"].to_pylist())


def _is_kept(lake: Lake, file: FlatFile) -> bool:
    return lake.is_s3 or (Path(lake.root) / file.path).exists()


def _build_file(load: _Load) -> Built:
    began = time.monotonic()
    work, table = load.work, load.recipe.table
    record_start(work.lake, work.run_id, SILVER, table.full_name)
    counts = _Counts()
    try:
        _publish(load, counts)
    except (FlatFileError, GateFailed, SchemaMismatch) as failure:
        detail = f"{load.file.key}: {failure}"
        result = StageResult(SILVER, table.full_name, "blocked", time.monotonic() - began, detail=detail)
        return Built(record(work.lake, work.run_id, result), (*counts.gates, *failed_gates(failure)))
    except Exception as error:
        record_failure(work.lake, work.run_id, SILVER, table.full_name, time.monotonic() - began, error)
        raise
    result = StageResult(
        *(SILVER, table.full_name, "done", time.monotonic() - began),
        *(counts.rows_in, counts.rows_out, counts.rows_bad),
        detail=file_mark(load.file, load.universe),
        table_ids=table_ids(work.lake, table),
    )
    return Built(record(work.lake, work.run_id, result), tuple(counts.gates))


def _publish(load: _Load, counts: _Counts) -> None:
    """The file in batches of a bounded number of rows; `counts` grows with each that is published."""
    day = tick_day(load.file.file_dt)
    staged_df = _staged_file(load, day)
    stored_df = _stored_day(load)
    symbols = [row[0] for row in stored_df.select("symbol").distinct().collect()]
    rows_per_batch = load.work.settings.providers.massive.rows_per_batch
    for number, batch in enumerate(tick_batches(staged_df, symbols, rows_per_batch)):
        held_df = staged_df.filter(batch.holds("ticker", "sequence"))
        judged_df = load.recipe.judge(held_df, load.file, day, batch.earlier_sip_ns)
        name = f"{load.name}_{number}"
        judged_df = stage(load.spark, load.work.lake, judged_df, load.work.run_id, f"{name}_judged")
        range_df = stored_df.filter(batch.holds("symbol", "sequence_number"))
        is_first = not symbols or not range_df.limit(1).collect()
        if is_first and not has_repeated_keys(judged_df, load.recipe.table):
            _publish_first(load, judged_df, name, counts)
        else:
            _publish_changes(load, judged_df, range_df, name, counts)
        counts.rows_in += batch.row_count


def _staged_file(load: _Load, day: TickDay) -> DataFrame:
    lake, file = load.work.lake, load.file
    rows_df = read_flat_file(load.spark, lake, file, load.universe)
    with reading(file):
        staged_df = stage(load.spark, lake, staged_texts(rows_df, day), load.work.run_id, f"{load.name}_rows")
    if (
        not staged_df.limit(1).collect()
        and not read_flat_file(load.spark, lake, file, None).limit(1).collect()
    ):
        raise FlatFileError(
            f"{file.key}: wanted the ticks of {file.file_dt}, found no rows; fetch the file again"
        )
    return staged_df


def _stored_day(load: _Load) -> DataFrame:
    """What is stored of the file's day, provider and universe."""
    day = load.file.file_dt
    table_df = read_table(load.spark, load.work.lake, load.recipe.table).alias("t")
    day_df = table_df.where(between("trade_dt", (day, day))).where(F.col("provider") == load.file.provider)
    return day_df if load.universe is None else day_df.filter(F.col("symbol").isin(*sorted(load.universe)))


def _publish_first(load: _Load, judged_df: DataFrame, name: str, counts: _Counts) -> None:
    """Publishes a range of which nothing is stored."""
    table, run_id = load.recipe.table, load.work.run_id
    changes_df = _judged_changes(load, first_ticks(judged_df, table, run_id), name, counts)
    _publish_bad(load, judged_df, name, counts)
    if changed := count_rows(changes_df):
        append_first(load.work.lake, table, changes_df)
        counts.rows_out += changed


def _publish_changes(
    load: _Load, judged_df: DataFrame, stored_df: DataFrame, name: str, counts: _Counts
) -> None:
    """Publishes what a range's rows change in what is stored of it."""
    lake, run_id, table, file = load.work.lake, load.work.run_id, load.recipe.table, load.file
    open_df, known_df = (
        stage(load.spark, lake, frame_df, run_id, f"{name}_{side}")
        for side, frame_df in zip(("open", "known"), unsettled(judged_df, stored_df, table), strict=True)
    )
    if not (open_df.limit(1).collect() or known_df.limit(1).collect()):
        _publish_bad(load, judged_df, name, counts)
        return
    all_df = tick_changes(open_df, known_df, judged_df, file, table, run_id)
    changes_df = _judged_changes(load, all_df, name, counts)
    _publish_bad(load, judged_df, name, counts)
    if changed := count_rows(changes_df):
        merge_history(lake, table, changes_df, (file.file_dt, file.file_dt))
        counts.rows_out += changed


def _judged_changes(load: _Load, changes_df: DataFrame, name: str, counts: _Counts) -> DataFrame:
    """The changes, computed once and through their gate."""
    table = load.recipe.table
    staged_df = stage(load.spark, load.work.lake, changes_df, load.work.run_id, f"{name}_changes")
    upserts_df = staged_df.filter(F.col(OPERATION) == "upsert").drop(OPERATION)
    if count_rows(upserts_df):
        require_values(upserts_df, table)
        counts.gates.append(audit(load.work, upserts_df, table.dataset))
    return staged_df


def _publish_bad(load: _Load, judged_df: DataFrame, name: str, counts: _Counts) -> None:
    """Sets the batch's bad rows aside."""
    lake, run_id = load.work.lake, load.work.run_id
    if not judged_df.filter(F.size("reasons") > 0).limit(1).collect():
        return
    rows_df = quarantine_rows(judged_df, read_table(load.spark, lake, QUARANTINE), run_id)
    bad_df = stage(load.spark, lake, rows_df, run_id, f"{name}_bad")
    require_values(bad_df, QUARANTINE)
    counts.gates.append(audit(load.work, bad_df, QUARANTINE.dataset))
    merge_rows(lake, QUARANTINE, bad_df, None)
    counts.rows_bad += count_rows(bad_df)
