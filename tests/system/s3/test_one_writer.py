"""A lake in a bucket has one writer: of two builders, and of two Spark drivers, the second is refused."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from config.secrets import Secrets
from config.settings import Settings
from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.create_tables import create_tables, open_table
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.lease import LeaseHeldError, lease
from delta_tables.table import Table
from delta_tables.tables import gold, gold_reconciliation, silver, silver_reference
from delta_tables.tables.ops import RUNS
from delta_tables.tables.silver import BARS, FUNDAMENTALS
from delta_tables.tables.silver_reference import INSTRUMENTS
from infra.spark import driver
from jobs.engine.compaction import compact, vacuum
from jobs.engine.table_io import append_first, merge_history, merge_rows, read_table, replace_rows
from jobs.history.bitemporal import CHANGE_TYPE
from jobs.pipelines.gold.sessions import build_gold
from jobs.pipelines.silver.payloads import build_silver
from jobs.pipelines.silver.tables import SILVER_PIPELINES
from jobs.pipelines.writer_session import writer_session
from jobs.runs.run_context import RunContext, new_run_id
from tests.builders.lakes import land_rows
from tests.builders.payloads import DAYS, T0, bar, daily, overview
from tests.servers.minio import Store, needs_minio
from tests.system.s3.test_lease import client_and_prefix, lease_objects, steal

BUILDER = Path(__file__).with_name("held_build.py")
SPAN_SECONDS = 15.0
PUBLISHED = silver.TABLES + silver_reference.TABLES + gold.TABLES + gold_reconciliation.TABLES


@pytest.fixture
def bucket(store: Store, request: pytest.FixtureRequest) -> Lake:
    return store.lake(f"market/{request.node.name}")


@pytest.fixture(autouse=True)
def _engines_environment_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION", "ENDPOINT_URL", "ALLOW_HTTP"):
        monkeypatch.setenv(f"AWS_{name}", "")


def workspace_on(bucket: Lake, state: Path) -> RunContext:
    """A run's workspace on a machine that has this state folder."""
    options = {**bucket.options, "AWS_ALLOW_HTTP": "true", "conditional_put": "etag"}
    there = Lake(bucket.root, options)
    create_tables(there)
    return RunContext(Settings(state_dir=state), Secrets(_env_file=None), there, lambda: T0, new_run_id())


@contextmanager
def builder_elsewhere(bucket: Lake, state: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that is building the lake; killed at the end, if it still lives."""
    installation = {
        "LAKEHOUSE_LAKE": bucket.root,
        "LAKEHOUSE_S3__ENDPOINT_URL": bucket.options["AWS_ENDPOINT_URL"],
        "LAKEHOUSE_STATE_DIR": str(state),
        "AWS_ACCESS_KEY_ID": bucket.options["AWS_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": bucket.options["AWS_SECRET_ACCESS_KEY"],
    }
    builder = subprocess.Popen(
        [sys.executable, str(BUILDER), str(SPAN_SECONDS)],
        env={**os.environ, **installation},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert builder.stdout
        assert builder.stdout.readline() == "inside\n"
        yield builder
    finally:
        builder.kill()
        builder.wait(timeout=60)


@needs_minio
def test_a_second_builder_is_told_who_builds_and_follows_one_that_was_killed(
    bucket: Lake, tmp_path: Path
) -> None:
    ctx = workspace_on(bucket, tmp_path / "here")
    with builder_elsewhere(bucket, tmp_path / "elsewhere") as first:
        with (
            pytest.raises(LakeError, match=rf"being written \(build\) by .* process {first.pid} "),
            writer_session(ctx, wait_seconds=1),
        ):
            pass
        first.kill()
        with writer_session(ctx, wait_seconds=120) as (writer, _spark):
            writer.lake.require_writer()
    assert lease_objects(bucket) == []


def versions(lake: Lake) -> dict[str, int]:
    """The version of every Silver and Gold table."""
    return {table.full_name: open_table(lake, table).version() for table in PUBLISHED}


@needs_minio
def test_a_build_whose_lease_is_stolen_publishes_nothing_more_and_says_why(
    bucket: Lake, tmp_path: Path
) -> None:
    ctx = workspace_on(bucket, tmp_path)
    land_rows(ctx.lake, [daily("A", {day: bar() for day in DAYS}), overview("A")])
    bars, fundamentals = (
        next(each for each in SILVER_PIPELINES if each.table is table) for table in (BARS, FUNDAMENTALS)
    )
    started = versions(ctx.lake)
    with writer_session(ctx) as (writer, spark):
        assert build_silver(writer, spark, bars).rows_out == len(DAYS)
        before = versions(ctx.lake)
        steal(bucket)
        with pytest.raises(LeaseHeldError, match="a thief took it over"):
            build_silver(writer, spark, fundamentals)
        with pytest.raises(LeaseHeldError, match="a thief took it over"):
            build_gold(writer, spark)
    after = versions(ctx.lake)
    assert after == before
    assert {name for name in after if after[name] != started[name]} == {"silver.bars"}
    failed = read_rows(ctx.lake, RUNS, ["subject", "detail"], "status = 'failed'").to_pylist()
    assert {row["subject"] for row in failed} == {"silver.fundamentals", "gold"}
    assert all("a thief took it over" in row["detail"] for row in failed)
    assert len(lease_objects(bucket)) == 1  # the thief's


@needs_minio
def test_a_build_leaves_neither_a_lease_nor_what_killed_runs_had_staged(bucket: Lake, tmp_path: Path) -> None:
    ctx = workspace_on(bucket, tmp_path)
    client, prefix = client_and_prefix(bucket)
    client.put_object(Bucket="market", Key=f"{prefix}/_staging/killed/bars/part.parquet", Body=b"rows")
    land_rows(ctx.lake, [daily("A", {day: bar() for day in DAYS})])
    with writer_session(ctx) as (writer, spark):
        assert len(lease_objects(bucket)) == 1
        assert build_silver(writer, spark, SILVER_PIPELINES[0]).rows_out == len(DAYS)
    left = client.list_objects_v2(Bucket="market", Prefix=f"{prefix}/_").get("Contents", [])
    assert [each["Key"] for each in left if not each["Key"].endswith("/")] == []


def no_writer_any_more() -> None:
    raise LeaseHeldError("a thief took it over")


def _with_operation(rows_df: DataFrame) -> DataFrame:
    return rows_df.withColumn(CHANGE_TYPE, F.lit("upsert"))


Publish = Callable[[Lake, Table, DataFrame], Any]
PUBLISHERS: dict[str, Publish] = {
    "merge_history": lambda lake, table, rows: merge_history(lake, table, _with_operation(rows), None),
    "merge_rows": lambda lake, table, rows: merge_rows(lake, table, rows, None),
    "replace_rows": replace_rows,
    "append_first": lambda lake, table, rows: append_first(lake, table, _with_operation(rows)),
    "compact": lambda lake, table, _rows: compact(lake, table, None),
    "vacuum": lambda lake, table, _rows: vacuum(lake, table, None, 168),
}


@pytest.mark.parametrize("name", PUBLISHERS)
def test_whatever_changes_a_table_asks_first_whether_it_may(
    spark: SparkSession, lake: Lake, name: str
) -> None:
    create_tables(lake, [INSTRUMENTS])
    rows_df = read_table(spark, lake, INSTRUMENTS)
    may_not = replace(lake, require_writer=no_writer_any_more)
    before = open_table(lake, INSTRUMENTS).version()
    with pytest.raises(LeaseHeldError):
        PUBLISHERS[name](may_not, INSTRUMENTS, rows_df)
    assert open_table(lake, INSTRUMENTS).version() == before


def test_a_lake_in_a_folder_has_no_lease(lake: Lake, tmp_path: Path) -> None:
    with driver.only_driver(lake, "here") as require_lease, driver.only_driver(lake, "there"):
        require_lease()
    ctx = RunContext(Settings(state_dir=tmp_path), Secrets(_env_file=None), lake, lambda: T0, new_run_id())
    with writer_session(ctx) as (writer, _spark):
        assert writer.lake.require_writer is lake.require_writer
        with pytest.raises(LakeError, match="another run has been building"), writer_session(ctx, 0.1):
            pass
    assert not Path(lake.root, "_lease").exists()


@pytest.fixture
def fake_spark(bucket: Lake, monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """`driver.main` on this lake, patient for a second, with a Spark that serves nothing."""
    started = MagicMock()
    monkeypatch.setattr(driver, "SparkSession", started)
    monkeypatch.setattr(driver, "register", lambda *_: [])
    monkeypatch.setattr(driver, "create_tables", lambda *_: None)
    monkeypatch.setattr(driver, "_exit_on_signals", lambda: None)
    monkeypatch.setattr(driver, "_CHECK_SECONDS", 0.1)
    monkeypatch.setattr(driver, "require_running", lambda _spark: None)
    monkeypatch.setattr(driver, "stop_cleanly", lambda spark: spark.stop())
    monkeypatch.setattr(driver, "lake_of", lambda *_: bucket)
    monkeypatch.setattr(driver, "only_driver", partial(driver.only_driver, wait_seconds=1.0, seconds=3.0))
    return started


@needs_minio
def test_a_second_driver_is_refused_before_spark_starts(
    bucket: Lake, fake_spark: MagicMock, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.ERROR),
        lease(bucket, "spark-driver", place="another container"),
        pytest.raises(SystemExit) as ended,
    ):
        driver.main()
    assert ended.value.code == 1
    assert "is being written (spark-driver) by" in caplog.text
    assert not fake_spark.mock_calls


@needs_minio
def test_a_driver_stops_once_another_has_taken_the_lake_over(
    bucket: Lake, fake_spark: MagicMock, caplog: pytest.LogCaptureFixture
) -> None:
    session = fake_spark.builder.config.return_value.config.return_value
    fake_spark.builder.config.return_value = session
    session.config.return_value = session
    spark = session.getOrCreate.return_value
    thrift = spark.sparkContext._jvm.org.apache.spark.sql.hive.thriftserver.HiveThriftServer2
    thrift.startWithContext.side_effect = lambda _context: steal(bucket, "spark-driver")
    with caplog.at_level(logging.ERROR), pytest.raises(SystemExit) as ended:
        driver.main()
    assert ended.value.code == 1
    assert "a thief took it over" in caplog.text
    spark.stop.assert_called_once_with()
    assert len(lease_objects(bucket)) == 1  # the thief's


@needs_minio
def test_a_driver_restarted_in_its_container_does_not_wait_for_the_killed_one(bucket: Lake) -> None:
    with driver.only_driver(bucket, "container-1"):
        with pytest.raises(LeaseHeldError), driver.only_driver(bucket, "container-2", wait_seconds=0):
            pass
        with driver.only_driver(bucket, "container-1", wait_seconds=0) as again:
            again()


def test_a_driver_whose_store_is_away_says_so_in_one_line_and_fails() -> None:
    installation = {
        "LAKEHOUSE_LAKE": "s3://market/lake",
        "LAKEHOUSE_S3__ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "writer",
        "AWS_SECRET_ACCESS_KEY": "no secret",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "infra.spark.driver"],
        env={**os.environ, **installation},
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 1
    assert "cannot be asked who may write" in ended.stderr
    assert "Traceback" not in ended.stderr
