"""The flow `maintain`: fewer, larger files and no old ones, with the proof that no row changed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from pyspark.sql import SparkSession

from delta_tables.storage.lake import Lake, LakeError
from delta_tables.table import Table
from delta_tables.tables.bronze import RAW_PAYLOADS
from delta_tables.tables.catalogue import ALL_TABLES
from flows.build import build_session
from jobs.engine.compaction import Storage, compact, has_small_files, storage_of, stored_bytes, vacuum
from jobs.history.pending_payloads import pending_window
from jobs.parsing.registry import has_parser
from jobs.pipelines.silver_payloads import SILVER_TABLES
from jobs.runs.run_context import RunContext, open_run_context
from jobs.runs.run_log import StageResult, built_version, record, record_failure

MAINTAIN: Final = "maintain"
LANDING: Final = "landing"


class MaintenanceError(LakeError):
    """Tables that could not be maintained, each with its reason; the others were."""


@dataclass(frozen=True)
class Maintained:
    """A table before and after; `why_kept` says why its old files were kept, None where they were not."""

    table: str
    layer: str
    before: Storage
    after: Storage
    why_kept: str | None


def maintain_table(ctx: RunContext, spark: SparkSession | None, table: Table) -> Maintained:
    """One table compacted, its rewritten rows compared with those of before, and only then vacuumed.

    Raises:
        LostRowsError: the rows differ; nothing was removed.
        LakeError: the table cannot be read, or its old files are to be kept for too short a time.
    """
    began, name = time.monotonic(), table.full_name
    before = storage_of(ctx.lake, table)
    try:
        if has_small_files(ctx.lake, table):
            compact(ctx.lake, table, spark)
        why_kept = _still_needed(ctx, table)
        if why_kept is None:
            vacuum(ctx.lake, table, spark, ctx.settings.maintenance.retain_hours)
    except Exception as error:
        record_failure(ctx.lake, ctx.run_id, MAINTAIN, name, time.monotonic() - began, error)
        raise
    after = storage_of(ctx.lake, table)
    detail = f"files {before.files} -> {after.files}, old bytes {before.old_bytes} -> {after.old_bytes}"
    counts = (time.monotonic() - began, before.rows, after.rows)
    record(ctx.lake, ctx.run_id, StageResult(MAINTAIN, name, "done", *counts, detail=detail))
    return Maintained(name, table.layer, before, after, why_kept)


def _still_needed(ctx: RunContext, table: Table) -> str | None:
    """Why old files must stay: by them Bronze's change feed tells what has landed and is not built yet."""
    if table is not RAW_PAYLOADS:
        return None
    for recipe in SILVER_TABLES:
        built = built_version(ctx.lake, recipe.table)
        window = pending_window(ctx.lake, built)
        if built is not None and has_parser(recipe.readers, window.provider_datasets):
            return f"not all payloads are built into {recipe.table.full_name} yet"
    return None


@task(name="maintain-table", task_run_name="maintain-{name}", cache_policy=NO_CACHE)
def maintain_task(name: str, ctx: RunContext, spark: SparkSession | None, table: Table) -> Maintained:
    """One table, as `maintain_table`."""
    del name  # names the task run
    return maintain_table(ctx, spark, table)


def maintain_tables(
    ctx: RunContext, spark: SparkSession | None, tables: Sequence[Table] = ALL_TABLES
) -> list[Maintained]:
    """Every table in turn, while nobody builds; one that fails stops no other.

    Raises:
        MaintenanceError: tables that failed, after the others are done.
    """
    states = [maintain_task(each.full_name, ctx, spark, each, return_state=True) for each in tables]
    failed = [state for state in states if not state.is_completed()]
    if failed:
        errors = [state.result(raise_on_failure=False) for state in failed]
        raise MaintenanceError("; ".join(f"{type(error).__name__}: {error}" for error in errors))
    return [state.result() for state in states]


@flow(name="maintain", description="Compact all tables and remove old files; no row changes, by proof.")
def maintain(config_file: str | None = None) -> list[Maintained]:
    """Every table of the lake before and after; what the lake is made of, by layer and table, as artifacts.

    Old files are kept for at least a week (settings: maintenance.retain_hours).

    Args:
        config_file: Settings file. Empty: the one that the worker's LAKEHOUSE_CONFIG names.

    Raises:
        MaintenanceError: tables that failed, after the others are done.
    """
    ctx = open_run_context(config_file)
    with build_session(ctx) as (writer, session):
        found = maintain_tables(writer, session if ctx.settings.engine == "spark" else None)
    create_table_artifact(layer_rows(ctx.lake, found), key="storage", description="Storage, by layer")
    create_table_artifact(table_rows(found), key="storage-tables", description="Storage, by table")
    return found


def layer_rows(lake: Lake, found: Sequence[Maintained]) -> list[dict[str, str | int | None]]:
    """One row a layer: tables, rows, files and bytes before and after; the landing area's bytes last."""
    rows: list[dict[str, str | int | None]] = []
    for layer in dict.fromkeys(each.layer for each in found):
        some = [each for each in found if each.layer == layer]
        rows.append({"layer": layer, "tables": len(some), **_sums(some)})
    landing = stored_bytes(lake, LANDING)
    return [*rows, {"layer": LANDING, "tables": 0, **_sums([]), "bytes": landing}]


def table_rows(found: Sequence[Maintained]) -> list[dict[str, str | int | None]]:
    """One row a table, and why its old files were kept where they were."""
    return [{"table": each.table, **_sums([each]), "old files kept": each.why_kept} for each in found]


def _sums(found: Sequence[Maintained]) -> dict[str, int]:
    return {
        "rows": sum(each.after.rows for each in found),
        "files before": sum(each.before.files for each in found),
        "files": sum(each.after.files for each in found),
        "bytes before": sum(each.before.bytes for each in found),
        "bytes": sum(each.after.bytes for each in found),
        "old bytes before": sum(each.before.old_bytes for each in found),
        "old bytes": sum(each.after.old_bytes for each in found),
    }
