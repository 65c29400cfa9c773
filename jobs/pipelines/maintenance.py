"""Maintenance of one table: fewer and larger files, no old ones, a short log, and no changed row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pyspark.sql import SparkSession

from delta_tables.integrity.scrub import renew_checksums
from delta_tables.storage.lake import Lake
from delta_tables.storage.landing_zone import LANDING
from delta_tables.table import Table
from delta_tables.tables.bronze import RAW_PAYLOADS
from jobs.engine.compaction import Storage, compact, has_small_files, storage_of, stored_bytes, vacuum
from jobs.engine.log_retention import log_file_count, shorten_log
from jobs.history.pending_payloads import pending_window
from jobs.parsing.registry import has_parser
from jobs.pipelines.silver.tables import SILVER_PIPELINES
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import built_version
from jobs.runs.stage import recorded_outcome

MAINTAIN: Final = "maintain"


@dataclass(frozen=True)
class MaintenanceResult:
    """A table before and after; `why_kept` says why its old files were kept, None if they were removed."""

    table: str
    layer: str
    before: Storage
    after: Storage
    why_kept: str | None


def maintain_table(ctx: RunContext, spark: SparkSession | None, table: Table) -> MaintenanceResult:
    """One table compacted, its rewritten rows compared with those before, and only then vacuumed.

    Raises:
        LostRowsError: the rows differ; nothing was removed.
        LakeError: the table cannot be read, or its old files are to be kept for too short a time.
    """
    with recorded_outcome(ctx, MAINTAIN, table.full_name, blocked_by=()) as stage:
        before, entries = storage_of(ctx.lake, table), log_file_count(ctx.lake, table)
        if has_small_files(ctx.lake, table):
            compact(ctx.lake, table, spark)
        why_kept = _still_needed(ctx, table)
        if why_kept is None:
            vacuum(ctx.lake, table, spark, ctx.settings.maintenance.retain_hours)
            shorten_log(ctx.lake, table, ctx.settings.maintenance.retain_hours)
        renew_checksums(ctx.lake, table)
        after = storage_of(ctx.lake, table)
        stage.rows_in, stage.rows_out = before.rows, after.rows
        stage.detail = (
            f"files {before.files} -> {after.files}, old bytes {before.old_bytes} -> {after.old_bytes}, "
            f"log files {entries} -> {log_file_count(ctx.lake, table)}"
        )
    return MaintenanceResult(table.full_name, table.layer, before, after, why_kept)


def _still_needed(ctx: RunContext, table: Table) -> str | None:
    """Why old files must stay: Bronze's change feed needs them to find what is not built yet."""
    if table is not RAW_PAYLOADS:
        return None
    for pipeline in SILVER_PIPELINES:
        built = built_version(ctx.lake, pipeline.table)
        window = pending_window(ctx.lake, built, of_bars=pipeline.has_bars)
        if built is not None and has_parser(pipeline.parsers, window.provider_datasets):
            return f"not all payloads are built into {pipeline.table.full_name} yet"
    return None


def layer_rows(lake: Lake, results: Sequence[MaintenanceResult]) -> list[dict[str, str | int | None]]:
    """One row per layer: tables, rows, files and bytes before and after; the landing zone's bytes last."""
    rows: list[dict[str, str | int | None]] = []
    for layer in dict.fromkeys(result.layer for result in results):
        of_layer = [result for result in results if result.layer == layer]
        rows.append({"layer": layer, "tables": len(of_layer), **_sums(of_layer)})
    landing = stored_bytes(lake, LANDING)
    return [*rows, {"layer": LANDING, "tables": 0, **_sums([]), "bytes": landing}]


def table_rows(results: Sequence[MaintenanceResult]) -> list[dict[str, str | int | None]]:
    """One row per table, and why its old files were kept if they were."""
    return [
        {"table": result.table, **_sums([result]), "old files kept": result.why_kept} for result in results
    ]


def _sums(results: Sequence[MaintenanceResult]) -> dict[str, int]:
    return {
        "rows": sum(result.after.rows for result in results),
        "files before": sum(result.before.files for result in results),
        "files": sum(result.after.files for result in results),
        "bytes before": sum(result.before.bytes for result in results),
        "bytes": sum(result.after.bytes for result in results),
        "old bytes before": sum(result.before.old_bytes for result in results),
        "old bytes": sum(result.after.old_bytes for result in results),
    }
