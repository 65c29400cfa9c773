"""The gate: a batch is scanned before anybody can read it, and only a batch that passes is published."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from quality.batch_audit import audit_batch
from quality.checks_file import ChecksFileError, read_checks
from quality.gate_result import CheckOutcome, GateFailed, GateResult, require_pass
from quality.soda_scan import run_soda
from quality.soda_session import SodaSession

__all__ = ["CheckOutcome", "GateFailed", "GateResult", "require_pass", "scan_batch"]

# Two scans at once would wipe each other's errors, which Soda keeps in one list, and share a view name.
_ONE_AT_A_TIME = threading.Lock()


def scan_batch(
    spark: SparkSession,
    batch_df: DataFrame,
    dataset: str,
    checks_path: Path,
    now: datetime,
    required: Sequence[str] = (),
) -> GateResult:
    """The result of scanning `batch_df` with the checks of `checks_path` for `dataset`.

    `now` is an aware UTC time; in the `required` columns no value may be missing. The batch is read twice,
    and once more for each duplicate_count and filter, so pass one that is cheap to read again. Never raises
    for bad data or a bad file: what went wrong is in the result's `errors`.
    """
    started = time.perf_counter()
    row_count = 0
    outcomes: tuple[CheckOutcome, ...] = ()
    errors: tuple[str, ...] = ()
    try:
        checks = read_checks(checks_path, dataset)
        row_count, outcomes = audit_batch(batch_df, checks, now, required)
        if row_count:
            with _ONE_AT_A_TIME, _view(spark, batch_df, dataset):
                run = run_soda(SodaSession(spark), checks, now)
            outcomes, errors = run.outcomes + outcomes, run.errors
    except ChecksFileError as error:
        errors = (str(error),)
    # Whatever the engine or Soda raises, the gate stays closed; the run does not crash.
    except Exception as error:
        errors = (f"the scan broke: {type(error).__name__}: {' '.join(str(error).split())[:400]}",)
    return GateResult(dataset, outcomes, errors, time.perf_counter() - started, row_count)


@contextmanager
def _view(spark: SparkSession, batch_df: DataFrame, name: str) -> Iterator[None]:
    """The batch as the temp view `name`; a view that had the name before is restored afterwards."""
    kept = f"{name}__before_gate"
    was_there = spark.catalog.tableExists(name)
    if was_there:
        spark.table(name).createOrReplaceTempView(kept)
    batch_df.createOrReplaceTempView(name)
    try:
        yield
    finally:
        spark.catalog.dropTempView(name)
        if was_there:
            # A table becomes visible again by itself; a view in front of it would show its old state.
            if not spark.catalog.tableExists(name):
                spark.table(kept).createOrReplaceTempView(name)
            spark.catalog.dropTempView(kept)
