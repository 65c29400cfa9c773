"""Builds silver.bars from the flat files of bars that have landed, a file at a time."""

import time
from datetime import timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.silver import BARS, QUARANTINE
from delta_tables.table import SchemaMismatch
from flows.gates import audit
from flows.run_log import SILVER, StageResult, record, record_failure, record_start, table_ids
from flows.silver_build import Built, audit_changes, failed_gates
from flows.tick_build import file_mark, pending_files, universe_of
from flows.workspace import Workspace
from jobs.bar_rules import judge_bars
from jobs.bitemporal import OPERATION
from jobs.flat_files import DAY_BARS, MINUTE_BARS, FlatFile, FlatFileError, raw_bars, reading
from jobs.quarantine import quarantine_rows
from jobs.table_io import (
    between,
    count_rows,
    date_bounds,
    merge_history,
    merge_rows,
    read_table,
    require_values,
    stage,
)
from jobs.tick_history import tick_changes, unsettled
from jobs.trading_calendar import STOCKS_US, sessions_frame
from quality.gate import GateFailed, GateResult

_INTERVAL_OF = {MINUTE_BARS: "1min", DAY_BARS: "1day"}


def build_bar_files(work: Workspace, spark: SparkSession) -> list[Built]:
    """Brings silver.bars up to the files of minute and day bars that have landed, oldest day first.

    A file that cannot be read, or that a gate refuses, stays pending and does not stop the others.

    Raises:
        LakeError: a table is missing or damaged.
    """
    universe = universe_of(work)
    return [
        _build_file(work, spark, file)
        for dataset in (MINUTE_BARS, DAY_BARS)
        for file in pending_files(work.lake, dataset, BARS, universe)
    ]


def _build_file(work: Workspace, spark: SparkSession, file: FlatFile) -> Built:
    began, name = time.monotonic(), BARS.full_name
    record_start(work.lake, work.run_id, SILVER, name)
    try:
        counts, gates = _publish(work, spark, file)
    except (FlatFileError, GateFailed, SchemaMismatch) as failure:
        detail = f"{file.key}: {failure}"
        result = StageResult(SILVER, name, "blocked", time.monotonic() - began, detail=detail)
        return Built(record(work.lake, work.run_id, result), failed_gates(failure))
    except Exception as error:
        record_failure(work.lake, work.run_id, SILVER, name, time.monotonic() - began, error)
        raise
    result = StageResult(
        *(SILVER, name, "done", time.monotonic() - began),
        *counts,
        detail=file_mark(file, universe_of(work)),
        table_ids=table_ids(work.lake, BARS),
    )
    return Built(record(work.lake, work.run_id, result), tuple(gates))


def _publish(
    work: Workspace, spark: SparkSession, file: FlatFile
) -> tuple[tuple[int, int, int], list[GateResult]]:
    """Rows judged, changed and set aside, and the verdicts."""
    lake, run_id, name = work.lake, work.run_id, f"bars_{file.file_id[:12]}"
    judged_df = stage(spark, lake, _judged(work, spark, file), run_id, f"{name}_judged")
    open_df, known_df = unsettled(judged_df, _stored_day(work, spark, file), BARS)
    changes_df = tick_changes(open_df, known_df, judged_df, file, BARS, run_id)
    changes_df = stage(spark, lake, changes_df, run_id, f"{name}_changes")
    bad_df = quarantine_rows(judged_df, read_table(spark, lake, QUARANTINE), run_id)
    bad_df = stage(spark, lake, bad_df, run_id, f"{name}_bad")
    rows_in, changed, bad = (count_rows(frame_df) for frame_df in (judged_df, changes_df, bad_df))
    gates: list[GateResult] = []
    upserts_df = changes_df.filter(F.col(OPERATION) == "upsert").drop(OPERATION)
    if changed and count_rows(upserts_df):
        gates += audit_changes(work, upserts_df, BARS)
    if bad:
        require_values(bad_df, QUARANTINE)
        gates.append(audit(work, bad_df, QUARANTINE.dataset))
        merge_rows(lake, QUARANTINE, bad_df, None)
    if changed:
        merge_history(lake, BARS, changes_df, date_bounds(changes_df, "partition_dt"))
    return (rows_in, changed, bad), gates


def _judged(work: Workspace, spark: SparkSession, file: FlatFile) -> DataFrame:
    days = (file.file_dt - timedelta(days=1), file.file_dt + timedelta(days=1))
    with reading(file):
        raw_df = raw_bars(spark, work.lake, vars(file), universe_of(work))
        return judge_bars(raw_df, sessions_frame(spark, (STOCKS_US,), *days))


def _stored_day(work: Workspace, spark: SparkSession, file: FlatFile) -> DataFrame:
    """What is stored of the file's day, provider, interval and universe."""
    first = file.file_dt.replace(month=1, day=1) if file.dataset == DAY_BARS else file.file_dt
    bars_df = read_table(spark, work.lake, BARS).alias("t").where(between("partition_dt", (first, first)))
    day_df = bars_df.filter(
        (F.col("provider") == file.provider)
        & (F.col("interval") == _INTERVAL_OF[file.dataset])
        & (F.col("trade_dt") == F.lit(file.file_dt))
    )
    universe = universe_of(work)
    return day_df if universe is None else day_df.filter(F.col("symbol").isin(*sorted(universe)))
