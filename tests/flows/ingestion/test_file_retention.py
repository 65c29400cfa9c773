"""At the end of a run, old files leave the landing zone if Silver has been built from them."""

import gzip
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from config.settings import Providers
from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.ops import RUNS
from flows.ingestion.file_retention import expire_built_files
from flows.operations.build import build_all
from jobs.pipelines.silver.tick_files import build_tick_files
from jobs.runs.run_context import RunContext
from tests.builders.flat_files import (
    DAY,
    FETCHED,
    LATER,
    land_quotes,
    land_text,
    land_trades,
    quote,
    tick_workspace,
    trade,
)

DAYS = timedelta(days=1)


def work_of(lake: Lake, days_after: int, retention_days: int = 30) -> RunContext:
    """A run so many days after the first file was fetched."""
    made = tick_workspace(lake)
    massive = made.settings.providers.massive.model_copy(update={"retention_days": retention_days})
    settings = made.settings.model_copy(update={"providers": Providers(massive=massive)})
    return replace(made, settings=settings, clock=lambda: FETCHED + days_after * DAYS)


def landing(lake: Lake) -> set[str]:
    root = Path(lake.root)
    return {str(path.relative_to(root)) for path in (root / "landing").rglob("*.gz")}


def retention(lake: Lake) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_rows(lake, RUNS, where="stage = 'retention'").to_pylist()
    return found


def test_old_files_leave_once_built_and_the_run_log_says_so(spark: SparkSession, lake: Lake) -> None:
    old, young = land_trades(lake, [trade(1)]), land_trades(lake, [trade(1), trade(2)], LATER)
    unbuilt = land_quotes(lake, [quote(1)])
    broken = land_text(lake, "trades_v1", gzip.compress(b"ticker\nIBM\n"), FETCHED, DAY + DAYS)
    with_quotes_pending = work_of(lake, 31)
    build_tick_files(with_quotes_pending, spark)
    land_quotes(lake, [quote(1), quote(2)], FETCHED, DAY + 2 * DAYS)

    assert expire_built_files(work_of(lake, 30)) == []
    assert expire_built_files(work_of(lake, 3000, retention_days=0)) == []
    (done,) = expire_built_files(work_of(lake, 31))

    assert (done.rows_in, done.rows_out) == (4, 2)
    remaining = landing(lake)
    assert {old.path, unbuilt.path}.isdisjoint(remaining)
    assert {young.path, broken.path} < remaining
    (logged,) = retention(lake)
    assert (logged["status"], logged["subject"]) == ("done", "bronze.raw_files")
    assert "older than 30 days: removed 1 of quotes_v1 (2024-11-18 to 2024-11-18" in logged["detail"]
    assert "1 of trades_v1 (2024-11-18 to 2024-11-18" in logged["detail"]
    assert "not been built from them: 1 of quotes_v1 (2024-11-20" in logged["detail"]
    assert "1 of trades_v1 (2024-11-19" in logged["detail"]


def test_a_file_that_was_never_built_is_never_removed(lake: Lake) -> None:
    file = land_trades(lake, [trade(1)])
    (done,) = expire_built_files(work_of(lake, 3000))
    assert done.rows_out == 0
    assert landing(lake) == {file.path}


def test_a_run_removes_old_files_at_its_end_and_the_next_run_builds_nothing_again(
    lake: Lake, tmp_path: Path
) -> None:
    land_trades(lake, [trade(1)])
    made = work_of(lake, 31)
    ctx = replace(made, settings=made.settings.model_copy(update={"state_dir": tmp_path / "state"}))
    assert "retention" in [each.stage for each in build_all(ctx)]
    assert landing(lake) == set()

    again = build_all(replace(ctx, run_id="the-next"))
    assert {each.status for each in again} <= {"nothing_new", "done"}
    assert "silver.trades" not in [each.subject for each in again]
    assert len(retention(lake)) == 1
