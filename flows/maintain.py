"""The flow `maintain`: fewer and larger files, and no old ones; no row changes."""

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.operations.maintain import maintain as run_maintain
from flows.runtime.tasks import run_as_task
from jobs.pipelines.maintenance import MaintenanceResult, layer_rows, table_rows
from jobs.runs.run_context import open_run_context


@flow(name="maintain", description="Compact all tables and remove old files; verifies that no row changes.")
def maintain(config_file: str | None = None) -> list[MaintenanceResult]:
    """Every table of the lake before and after; the lake's storage by layer and by table, as artifacts.

    Old files are kept for at least a week (settings: maintenance.retain_hours).

    Args:
        config_file: Settings file. Empty: the one that the worker's LAKEHOUSE_CONFIG names.

    Raises:
        MaintenanceError: tables that failed, after the others are done.
    """
    ctx = open_run_context(config_file)
    results = run_maintain(ctx, run_as_task)
    create_table_artifact(layer_rows(ctx.lake, results), key="storage", description="Storage, by layer")
    create_table_artifact(table_rows(results), key="storage-tables", description="Storage, by table")
    return results
