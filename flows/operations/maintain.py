"""Compacts all tables and removes old files; no row changes, which is verified."""

from collections.abc import Sequence
from functools import partial

from pyspark.sql import SparkSession

from delta_tables.storage.lake import LakeError
from delta_tables.table import Table
from delta_tables.tables.catalogue import ALL_TABLES
from flows.operations.steps import StepRunner, run_directly
from jobs.pipelines.maintenance import MaintenanceResult, maintain_table
from jobs.pipelines.writer_session import writer_session
from jobs.runs.progress import report_progress
from jobs.runs.records import deferred_records
from jobs.runs.run_context import RunContext


class MaintenanceError(LakeError):
    """Tables that could not be maintained, each with its reason; the others were."""


def maintain(ctx: RunContext, run_step: StepRunner = run_directly) -> list[MaintenanceResult]:
    """Every table of the lake, before and after.

    Old files are kept for at least a week (setting maintenance.retain_hours).

    Raises:
        MaintenanceError: tables that failed, after the others are done.
    """
    with deferred_records(ctx), writer_session(ctx) as (writer, session):
        return maintain_tables(writer, session if ctx.settings.engine == "spark" else None, run_step)


def maintain_tables(
    ctx: RunContext,
    spark: SparkSession | None,
    run_step: StepRunner = run_directly,
    tables: Sequence[Table] = ALL_TABLES,
) -> list[MaintenanceResult]:
    """Every table in turn; one that fails does not stop the others.

    Raises:
        MaintenanceError: tables that failed, after the others are done.
    """
    results, errors = [], []
    for number, table in enumerate(tables):
        report_progress("maintain", number, len(tables))
        try:
            step = partial(maintain_table, ctx, spark, table)
            results.append(run_step(f"maintain-{table.full_name}", step))
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
    report_progress("maintain", len(tables), len(tables))
    if errors:
        raise MaintenanceError("; ".join(errors))
    return results
