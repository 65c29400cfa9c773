"""Lakes for tests: landed, built and compared the way the flows do it, without Prefect."""

from collections.abc import Iterable, Mapping
from typing import Any

from pyspark.sql import SparkSession

from config.secrets import Secrets
from config.settings import Settings
from delta_tables.storage.arrow_io import append_rows, read_rows
from delta_tables.storage.content_hash import content_hash
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables import gold, gold_reconciliation, silver, silver_reference
from delta_tables.tables.bronze import RAW_PAYLOADS
from jobs.pipelines.gold.sessions import build_gold
from jobs.pipelines.silver.payloads import build_silver
from jobs.pipelines.silver.tables import SILVER_PIPELINES
from jobs.runs.run_context import RunContext, new_run_id
from jobs.runs.stage import StageResult
from tests.builders.payloads import T0

CONTENT_TABLES = silver.TABLES + silver_reference.TABLES + gold.TABLES + gold_reconciliation.TABLES


def workspace(lake: Lake, **settings: Any) -> RunContext:
    """A workspace on this lake with its tables created; the market's clock stands at T0."""
    create_tables(lake)
    return RunContext(Settings(**settings), Secrets(_env_file=None), lake, lambda: T0, new_run_id())


def land_rows(lake: Lake, rows: Iterable[Mapping[str, Any]]) -> None:
    """Lands payload rows in one commit."""
    create_tables(lake)
    append_rows(lake, RAW_PAYLOADS, list(rows))


def build_lake(spark: SparkSession, lake: Lake, **settings: Any) -> list[StageResult]:
    """Builds what is pending."""
    ctx = workspace(lake, **settings)
    silver_built = [build_silver(ctx, spark, pipeline) for pipeline in SILVER_PIPELINES]
    built = [*silver_built, build_gold(ctx, spark)]
    lake.drop_staging()
    return built


def hashes(lake: Lake) -> dict[str, str]:
    """The content hash of every Silver and Gold table."""
    return {table.full_name: content_hash(lake, table) for table in CONTENT_TABLES}


def rows_that_differ(found: Lake, wanted: Lake) -> list[str]:
    """Of each table that differs some rows of one lake that the other lacks, to be read by a person."""
    told = []
    for table in CONTENT_TABLES:
        ours, theirs = ({repr(row) for row in _rows(lake, table)} for lake in (found, wanted))
        told += [f"{table.full_name} found  {row}" for row in sorted(ours - theirs)[:5]]
        told += [f"{table.full_name} wanted {row}" for row in sorted(theirs - ours)[:5]]
    return told


def _rows(lake: Lake, table: Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_rows(lake, table, table.content_columns).to_pylist()
    return rows
