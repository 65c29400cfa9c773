"""Maintenance leaves fewer files, no old ones, the same rows, and everything that a build still needs."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pydantic import ValidationError
from pyspark.sql import SparkSession

from config.settings import MaintenanceSettings
from delta_tables.storage.content_hash import content_hash
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.row_digest import row_digest
from delta_tables.storage.table_log import log_folder, require_whole_log
from delta_tables.tables.bronze import RAW_FILES, RAW_PAYLOADS
from delta_tables.tables.ops import RUNS
from delta_tables.tables.silver import BARS
from flows.operations.maintain import MaintenanceError, maintain_tables
from jobs.engine.compaction import vacuum
from jobs.engine.table_io import read_table
from jobs.history.pending_payloads import pending_window
from jobs.pipelines.maintenance import maintain_table
from tests.builders.lakes import land_rows, workspace
from tests.builders.small_files import (
    SYMBOLS,
    a_week_passes,
    bars_of,
    build_bars,
    copied,
    digest,
    files,
    left_by_a_killed_writer,
    rows_of,
    stored_files,
    symbols,
    version,
)


@pytest.fixture
def writer(engine: SparkSession, request: pytest.FixtureRequest) -> SparkSession | None:
    """The session that maintains tables if Apache Spark writes them; None for the embedded engine."""
    return engine if "apache" in request.node.name else None


def test_tables_of_many_small_files_hold_the_same_rows_in_fewer(
    engine: SparkSession, small: Lake, writer: SparkSession | None
) -> None:
    for table in (RAW_PAYLOADS, BARS, RUNS):
        digested, hashed, count = digest(small, table), content_hash(small, table), files(small, table)
        assert count >= 5
        found = maintain_table(workspace(small), writer, table)
        assert (found.before.files, found.after.files, found.why_kept) == (count, 1, None), table.full_name
        assert found.before.rows == found.after.rows == digested.rows
        assert found.after.old_bytes == found.before.bytes > found.after.bytes
        assert row_digest(small, table, found.after.version) == digested
        assert content_hash(small, table) == hashed or table is RUNS  # it records the maintenance
        assert len(stored_files(small, table)) >= count + 1, "what was replaced just now stays for a week"

        left = left_by_a_killed_writer(small, table)
        assert maintain_table(workspace(small), writer, table).after.old_bytes > 0
        assert not left.exists()
        assert row_digest(small, table, found.after.version) == digested
    land_rows(small, [bars_of("XOM", 10)])
    build_bars(small, engine)
    assert symbols(small, BARS) == {*SYMBOLS, "XOM"}


def test_files_replaced_more_than_a_week_ago_are_removed(
    small: Lake, writer: SparkSession | None, tmp_path: Path
) -> None:
    tables = (RAW_PAYLOADS, BARS, RUNS)
    maintained = {table: maintain_table(workspace(small), writer, table).after for table in tables}
    later = copied(small, tmp_path / "later")
    for table, after in maintained.items():
        assert after.old_bytes > 0
        before = row_digest(later, table, after.version)
        a_week_passes(later, table)
        assert maintain_table(workspace(later), writer, table).after.old_bytes == 0
        assert row_digest(later, table, after.version) == before


def test_a_payload_that_landed_before_the_compaction_is_still_built_and_its_files_stay(
    engine: SparkSession, small: Lake, writer: SparkSession | None
) -> None:
    land_rows(small, [bars_of("XOM", 9)])
    kept = maintain_table(workspace(small), writer, RAW_PAYLOADS)
    assert kept.after.files == 1
    assert kept.why_kept == "not all payloads are built into silver.bars yet"
    a_week_passes(small, RAW_PAYLOADS)
    assert maintain_table(workspace(small), writer, RAW_PAYLOADS).after.old_bytes > 0

    land_rows(small, [bars_of("GE", 10)])
    build_bars(small, engine)
    assert symbols(small, BARS) == {*SYMBOLS, "XOM", "GE"}
    assert maintain_table(workspace(small), writer, RAW_PAYLOADS).after.old_bytes == 0


def test_without_the_change_feed_everything_is_processed_again_and_nothing_changes(
    spark: SparkSession, small: Lake
) -> None:
    land_rows(small, [bars_of("XOM", 9)])
    DeltaTable(small.uri(RAW_PAYLOADS)).optimize.compact()
    assert pending_window(small, 5).payload_count == 1
    assert pending_window(small, 2).payload_count == 4
    DeltaTable(small.uri(RAW_PAYLOADS)).vacuum(0, dry_run=False, enforce_retention_duration=False)
    everything = pending_window(small, 2)
    assert (everything.payload_count, everything.since) == (6, None)
    assert pending_window(small, version(small, RAW_PAYLOADS)).payload_count == 0

    before = {row["symbol"]: row for row in rows_of(small, BARS)}
    build_bars(small, spark)
    after = {row["symbol"]: row for row in rows_of(small, BARS)}
    assert set(after) == {*before, "XOM"}
    assert {symbol: after[symbol] for symbol in before} == before
    assert pending_window(small, 7).payload_count == 0


def test_old_files_are_never_kept_for_less_than_a_week(lake: Lake, writer: SparkSession | None) -> None:
    land_rows(lake, [bars_of("AAPL")])
    for table in (RAW_PAYLOADS, BARS):
        with pytest.raises(LakeError, match=r"at least 168 hours.*retain_hours is 167"):
            vacuum(lake, table, writer, 167)
    with pytest.raises(ValidationError, match="greater than or equal to 168"):
        MaintenanceSettings(retain_hours=24)


def test_a_table_that_fails_stops_no_other(small: Lake) -> None:
    log = Path(small.uri(RAW_FILES)) / "_delta_log"
    next(log.glob("*.json")).write_text("{")
    ctx = context_of_damaged(small)
    with pytest.raises(MaintenanceError, match=r"bronze.raw_files") as failed:
        maintain_tables(ctx, None, tables=(RAW_FILES, RAW_PAYLOADS))
    assert "raw_payloads" not in str(failed.value)
    assert files(small, RAW_PAYLOADS) == 1


def context_of_damaged(lake: Lake) -> Any:
    """A run context that was made before the damage."""
    return replace(workspace(Lake(f"{lake.root}-other")), lake=lake)


def test_log_entries_of_more_than_a_week_ago_are_replaced_by_a_checkpoint(
    engine: SparkSession, small: Lake, writer: SparkSession | None, tmp_path: Path
) -> None:
    old = copied(small, tmp_path / "old")
    tables = (RAW_PAYLOADS, BARS, RUNS)
    for table in tables:
        maintain_table(workspace(old), writer, table)
        for file in log_folder(old, table).iterdir():
            a_week_ago = file.stat().st_mtime - 8 * 24 * 3600
            os.utime(file, (a_week_ago, a_week_ago))
    for table in tables:
        rows = content_hash(old, table)
        maintain_table(workspace(old), writer, table)
        left = sorted(file.name for file in log_folder(old, table).iterdir())
        assert f"{0:020}.json" not in left, "the checkpoint of a week ago replaces it"
        assert "_last_checkpoint" in left
        assert content_hash(old, table) == rows or table is RUNS
        assert read_table(engine, old, table).count() == len(rows_of(old, table))
        require_whole_log(old, table)
    land_rows(old, [bars_of("XOM", 10)])
    build_bars(old, engine)
    assert symbols(old, BARS) == {*SYMBOLS, "XOM"}


def test_log_entries_of_the_last_week_stay(small: Lake, writer: SparkSession | None, tmp_path: Path) -> None:
    here = copied(small, tmp_path / "here")
    before = {file.name for file in log_folder(here, BARS).glob("*.json")}
    maintain_table(workspace(here), writer, BARS)
    assert before <= {file.name for file in log_folder(here, BARS).glob("*.json")}


def test_what_is_not_built_yet_keeps_the_log_of_bronze(small: Lake, tmp_path: Path) -> None:
    here = copied(small, tmp_path / "here")
    land_rows(here, [bars_of("XOM", 10)])
    for file in log_folder(here, RAW_PAYLOADS).iterdir():
        os.utime(file, (0, 0))
    before = {file.name for file in log_folder(here, RAW_PAYLOADS).iterdir()}
    assert maintain_table(workspace(here), None, RAW_PAYLOADS).why_kept
    assert before <= {file.name for file in log_folder(here, RAW_PAYLOADS).iterdir()}
