"""ops.runs knows the versions that runs wrote, and a table that has lost one is refused."""

import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from config.secrets import Secrets
from config.settings import Settings
from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.bronze import RAW_PAYLOADS
from delta_tables.tables.ops import RUNS
from delta_tables.tables.silver import BARS
from jobs.engine.table_io import read_table
from jobs.runs.run_context import new_run_context
from jobs.runs.run_log import SILVER
from jobs.runs.stage import StageResult, record
from jobs.runs.table_versions import require_recorded_versions, table_version
from tests.builders.lakes import build_lake, land_rows, workspace
from tests.builders.payloads import at, daily
from tests.builders.poison import BARS as ROWS


@pytest.fixture
def built(spark: SparkSession, lake: Lake) -> Lake:
    land_rows(lake, [daily("AAPL", ROWS, at(0))])
    build_lake(spark, lake)
    return lake


def lose_newest_entry(lake: Lake, table: object = BARS) -> int:
    """Removes the newest log entry, as if it had never reached the disk; returns its version."""
    newest = max((Path(lake.root) / table.layer / table.name / "_delta_log").glob("*.json"))  # type: ignore[attr-defined]
    newest.unlink()
    newest.with_suffix(".crc").unlink(missing_ok=True)
    return int(newest.stem)


def test_the_versions_are_recorded_with_the_end_of_the_stage(built: Lake) -> None:
    where = f"stage = '{SILVER}' AND subject = '{BARS.full_name}' AND status = 'done'"
    (versions,) = read_rows(built, RUNS, ["table_versions"], where)["table_versions"].to_pylist()
    assert table_version(built, BARS) in versions


def test_an_engine_reads_the_versions(engine: SparkSession, built: Lake) -> None:
    found = read_table(engine, built, RUNS).selectExpr("explode(table_versions) AS v").selectExpr("v.*")
    stored = open_table(built, BARS)
    rows = {(row["table"], row["table_id"], row["version"]) for row in found.collect()}
    assert (BARS.full_name, str(stored.metadata().id), stored.version()) in rows


def test_a_lost_commit_is_refused_before_anything_is_written(built: Lake) -> None:
    require_recorded_versions(built)
    lost = lose_newest_entry(built)
    with pytest.raises(LakeError) as caught:
        new_run_context(Settings(lake=built.root), Secrets(_env_file=None))
    message = str(caught.value)
    assert f"silver.bars is at version {lost - 1}" in message
    assert f"recorded version {lost}" in message
    assert "lakehouse repair silver.bars" in message


def test_lost_payloads_are_to_be_fetched_again(built: Lake) -> None:
    record(workspace(built), StageResult("ingest", "alphavantage/daily", "done"))
    lose_newest_entry(built, RAW_PAYLOADS)
    with pytest.raises(LakeError, match="fetch what is missing again"):
        require_recorded_versions(built)


def test_a_table_that_was_created_again_is_another_table(built: Lake) -> None:
    shutil.rmtree(Path(built.root) / "silver" / "bars")
    require_recorded_versions(built)
    new_run_context(Settings(lake=built.root), Secrets(_env_file=None))


def test_a_later_record_of_a_lower_version_counts(built: Lake) -> None:
    lose_newest_entry(built)
    ctx = workspace(built)
    record(ctx, StageResult("repair", BARS.full_name, "done"))
    with pytest.raises(LakeError):
        require_recorded_versions(built)
    row = StageResult("repair", BARS.full_name, "done", table_versions=(table_version(built, BARS),))
    record(ctx, row)
    require_recorded_versions(built)
