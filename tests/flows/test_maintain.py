"""Maintenance: fewer files and no old ones, the same rows, and nothing that a build still needs is gone."""

import json
import os
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from deltalake.table import TableOptimizer
from pydantic import ValidationError
from pyspark.sql import SparkSession

from config.settings import MaintenanceSettings
from delta_tables.arrow_io import read_rows
from delta_tables.bronze import RAW_FILES, RAW_PAYLOADS
from delta_tables.content_hash import content_hash
from delta_tables.lake import Lake, LakeError
from delta_tables.ops import RUNS
from delta_tables.row_digest import row_digest
from delta_tables.silver import BARS
from delta_tables.table import Table
from flows.maintain import MaintenanceError, maintain_table, maintain_tables
from flows.silver_build import SILVER_TABLES, build_silver
from jobs.compaction import LostRowsError, compact, vacuum
from jobs.new_payloads import new_payloads
from tests.flows.command_line import Cli
from tests.flows.installation import Installation
from tests.lakes import land_rows, workspace
from tests.payloads import DAYS, at, bar, daily

SYMBOLS = ("AAPL", "IBM", "JPM", "KO", "MSFT", "XOM")
WEEK_MS = timedelta(days=7, hours=1) // timedelta(milliseconds=1)
BARS_RECIPE = SILVER_TABLES[0]


def bars_of(symbol: str, hours: float = 0) -> dict[str, Any]:
    return daily(symbol, {day: bar(close=f"10.{number}") for number, day in enumerate(DAYS)}, at(hours))


def build_bars(lake: Lake, spark: SparkSession) -> None:
    build_silver(workspace(lake), spark, BARS_RECIPE)
    lake.drop_staging()


def land_and_build(lake: Lake, spark: SparkSession, symbols: tuple[str, ...] = SYMBOLS) -> None:
    """One commit, and so one small file, a symbol."""
    for number, symbol in enumerate(symbols):
        land_rows(lake, [bars_of(symbol, number)])
        build_bars(lake, spark)


def writer(request: pytest.FixtureRequest, spark: SparkSession) -> SparkSession | None:
    """Who maintains Silver where this engine writes it, as the flow has it."""
    return spark if "apache" in request.node.name else None


def digest(lake: Lake, table: Table) -> Any:
    return row_digest(lake, table, version(lake, table))


def version(lake: Lake, table: Table) -> int:
    return DeltaTable(lake.uri(table)).version()


def files(lake: Lake, table: Table) -> int:
    return len(DeltaTable(lake.uri(table)).file_uris())


def stored_files(lake: Lake, table: Table) -> int:
    """Data files in the folder, old ones too."""
    return len([path for path in Path(lake.uri(table)).rglob("*.parquet") if "_delta_log" not in path.parts])


def left_by_a_killed_writer(lake: Lake, table: Table) -> Path:
    """A data file that no version has, more than a week old."""
    some = next(path for path in Path(lake.uri(table)).rglob("*.parquet") if "_delta_log" not in path.parts)
    left = some.with_name("part-00000-left.parquet")
    shutil.copy(some, left)
    long_ago = (datetime.now(UTC) - timedelta(days=8)).timestamp()
    os.utime(left, (long_ago, long_ago))
    return left


def a_week_passes(lake: Lake, table: Table) -> None:
    """Moves every removal in the table's log back by more than a week (Apache Spark has read it already)."""
    for log in (Path(lake.uri(table)) / "_delta_log").glob("*.json"):
        text = re.sub(
            r'("deletionTimestamp":)(\d+)',
            lambda found: f"{found[1]}{int(found[2]) - WEEK_MS}",
            log.read_text(),
        )
        log.write_text(text)


def test_tables_of_many_small_files_hold_the_same_rows_in_fewer(
    engine: SparkSession, lake: Lake, request: pytest.FixtureRequest
) -> None:
    land_and_build(lake, engine, SYMBOLS[:5])
    for table in (RAW_PAYLOADS, BARS, RUNS):
        digested, hashed, count = digest(lake, table), content_hash(lake, table), files(lake, table)
        assert count >= 5
        found = maintain_table(workspace(lake), writer(request, engine), table)
        assert (found.before.files, found.after.files, found.why_kept) == (count, 1, None), table.full_name
        assert found.before.rows == found.after.rows == digested.rows
        assert found.after.old_bytes == found.before.bytes > found.after.bytes
        assert row_digest(lake, table, found.after.version) == digested
        assert content_hash(lake, table) == hashed or table is RUNS  # which notes the maintenance
        assert stored_files(lake, table) >= count + 1, "what was replaced just now stays for a week"

        left = left_by_a_killed_writer(lake, table)
        assert maintain_table(workspace(lake), writer(request, engine), table).after.old_bytes > 0
        assert not left.exists()
        assert row_digest(lake, table, found.after.version) == digested
    land_rows(lake, [bars_of("XOM", 10)])
    build_bars(lake, engine)
    assert {row["symbol"] for row in _rows(lake, BARS)} == {*SYMBOLS[:5], "XOM"}


def test_what_was_replaced_more_than_a_week_ago_is_removed(spark: SparkSession, lake: Lake) -> None:
    land_and_build(lake, spark)
    for table in (RAW_PAYLOADS, BARS, RUNS):
        maintained = maintain_table(workspace(lake), None, table).after
        assert maintained.old_bytes > 0
        before = row_digest(lake, table, maintained.version)
        a_week_passes(lake, table)
        assert maintain_table(workspace(lake), None, table).after.old_bytes == 0
        assert row_digest(lake, table, maintained.version) == before


def test_a_payload_that_landed_before_the_compaction_is_still_built_and_its_files_stay(
    spark: SparkSession, lake: Lake
) -> None:
    land_and_build(lake, spark, SYMBOLS[:4])
    land_rows(lake, [bars_of("MSFT", 9)])
    kept = maintain_table(workspace(lake), None, RAW_PAYLOADS)
    assert kept.after.files == 1
    assert kept.why_kept == "not all payloads are built into silver.bars yet"
    a_week_passes(lake, RAW_PAYLOADS)
    assert maintain_table(workspace(lake), None, RAW_PAYLOADS).after.old_bytes > 0

    land_rows(lake, [bars_of("XOM", 10)])
    build_bars(lake, spark)
    built = {row["symbol"] for row in _rows(lake, BARS)}
    assert built == {*SYMBOLS[:4], "MSFT", "XOM"}
    assert maintain_table(workspace(lake), None, RAW_PAYLOADS).after.old_bytes == 0


def test_when_the_change_feed_is_gone_all_is_looked_at_again_and_nothing_changes(
    spark: SparkSession, lake: Lake
) -> None:
    land_and_build(lake, spark, SYMBOLS[:5])
    land_rows(lake, [bars_of("XOM", 9)])
    DeltaTable(lake.uri(RAW_PAYLOADS)).optimize.compact()
    assert new_payloads(lake, 5).payload_count == 1
    assert new_payloads(lake, 2).payload_count == 4
    DeltaTable(lake.uri(RAW_PAYLOADS)).vacuum(0, dry_run=False, enforce_retention_duration=False)
    everything = new_payloads(lake, 2)
    assert (everything.payload_count, everything.since) == (6, None)
    assert new_payloads(lake, version(lake, RAW_PAYLOADS)).payload_count == 0

    before = {row["symbol"]: row for row in _rows(lake, BARS)}
    build_bars(lake, spark)
    after = {row["symbol"]: row for row in _rows(lake, BARS)}
    assert set(after) == {*before, "XOM"}
    assert {symbol: after[symbol] for symbol in before} == before
    assert new_payloads(lake, 7).payload_count == 0


def test_old_files_are_never_kept_for_less_than_a_week(
    engine: SparkSession, lake: Lake, request: pytest.FixtureRequest
) -> None:
    land_rows(lake, [bars_of("AAPL")])
    for table in (RAW_PAYLOADS, BARS):
        with pytest.raises(LakeError, match=r"168 hours at least.*; 167 were asked for"):
            vacuum(lake, table, writer(request, engine), 167)
    with pytest.raises(ValidationError, match="greater than or equal to 168"):
        MaintenanceSettings(retain_hours=24)


def test_what_lands_while_a_table_is_compacted_is_no_loss(
    spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_and_build(lake, spark, SYMBOLS[:5])
    real_compact = TableOptimizer.compact

    def amid_landings(optimizer: TableOptimizer) -> Any:
        land_rows(lake, [bars_of("XOM", 10)])
        found = real_compact(optimizer)
        land_rows(lake, [bars_of("KO", 11)])
        return found

    monkeypatch.setattr(TableOptimizer, "compact", amid_landings)
    found = maintain_table(workspace(lake), None, RAW_PAYLOADS)
    assert found.after.version == found.before.version + 3, "a landing, the compaction, a landing"
    assert found.after.rows == found.before.rows + 2
    assert found.after.files == 3, "those of before in one, and the two that landed"


@pytest.mark.parametrize("landing", ["before", "after"])
def test_a_compaction_that_loses_a_row_is_refused_whatever_lands_meanwhile(
    spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch, landing: str
) -> None:
    """What landed is as many rows as were lost: a comparison with the newest version counts the same."""
    land_and_build(lake, spark, SYMBOLS[:5])
    good = version(lake, RAW_PAYLOADS) + (landing == "before")

    def lossy(optimizer: TableOptimizer) -> dict[str, int]:
        if landing == "before":
            land_rows(lake, [bars_of("XOM", 10)])
        DeltaTable(optimizer.table.table_uri).delete("symbol = 'KO'")
        called_a_compaction(lake, RAW_PAYLOADS)
        if landing == "after":
            land_rows(lake, [bars_of("XOM", 10)])
        return {"numFilesRemoved": 1}

    monkeypatch.setattr(TableOptimizer, "compact", lossy)
    with pytest.raises(
        LostRowsError, match=rf"version {good} has \d rows .* version {good + 1} \d"
    ) as refused:
        maintain_table(workspace(lake), None, RAW_PAYLOADS)
    assert f"While {good + 1} is the newest version, restore {good}; once others follow do not" in str(
        refused.value
    )
    assert f"append the rows of version {good} that version {good + 1} does not have" in str(refused.value)


def called_a_compaction(lake: Lake, table: Table) -> None:
    """Has the newest commit's operation be called OPTIMIZE in the table's history."""
    newest = max((Path(lake.uri(table)) / "_delta_log").glob("*.json"))
    newest.write_text(newest.read_text().replace('"operation":"DELETE"', '"operation":"OPTIMIZE"'))


def test_a_compaction_that_loses_a_row_removes_nothing(
    spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_and_build(lake, spark)
    before, count = digest(lake, BARS), stored_files(lake, BARS)

    def lossy(optimizer: TableOptimizer) -> dict[str, int]:
        optimizer.table.delete(f"symbol = 'KO' AND trade_dt = '{DAYS[0]}'")
        called_a_compaction(lake, BARS)
        return {"numFilesRemoved": 1}

    monkeypatch.setattr(TableOptimizer, "compact", lossy)
    good = version(lake, BARS)
    with pytest.raises(LostRowsError, match=rf"silver.bars: version {good} has 42 rows .* 41"):
        maintain_table(workspace(lake), None, BARS)
    assert stored_files(lake, BARS) > count
    assert row_digest(lake, BARS, good) == before
    (noted,) = [row for row in _rows(lake, RUNS) if row["stage"] == "maintain"]
    assert (noted["status"], noted["detail"].partition(":")[0]) == ("failed", "LostRowsError")


def test_a_compaction_that_the_history_does_not_show_is_not_taken_for_proven(
    spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_and_build(lake, spark, SYMBOLS[:5])
    compact(lake, RAW_PAYLOADS, None)  # the history shows this one, which is of before
    before = version(lake, RAW_PAYLOADS)

    def unseen(_optimizer: TableOptimizer) -> dict[str, int]:
        land_rows(lake, [bars_of("XOM", 10)])
        return {"numFilesRemoved": 5}

    monkeypatch.setattr(TableOptimizer, "compact", unseen)
    with pytest.raises(LakeError, match=f"5 files were replaced, and no commit after version {before} is an"):
        compact(lake, RAW_PAYLOADS, None)


def test_a_table_that_fails_stops_no_other(spark: SparkSession, lake: Lake, prefect_server: object) -> None:
    del prefect_server
    land_and_build(lake, spark)
    log = Path(lake.uri(RAW_FILES)) / "_delta_log"
    next(log.glob("*.json")).write_text("{")
    work = workspace_of_damaged(lake)
    with pytest.raises(MaintenanceError, match=r"bronze.raw_files") as failed:
        maintain_tables(work, None, (RAW_FILES, RAW_PAYLOADS))
    assert "raw_payloads" not in str(failed.value)
    assert files(lake, RAW_PAYLOADS) == 1


def workspace_of_damaged(lake: Lake) -> Any:
    """A workspace made before the damage was done."""
    return replace(workspace(Lake(f"{lake.root}-other")), lake=lake)


def test_the_command_maintains_and_shows_the_storage_by_layer(
    prefect_server: object, full: Installation, cli: Cli
) -> None:
    del prefect_server
    ended = cli("--config", full.config, "--json", "maintain")
    assert ended.code == 0, ended.error
    told = json.loads(ended.out)
    layers = {row["layer"]: row for row in told["layers"]}
    assert list(layers) == ["bronze", "silver", "gold", "ops", "landing"]
    assert layers["silver"]["rows"] > 1000
    assert layers["ops"]["files before"] > layers["ops"]["files"] > 0
    assert next(row for row in told["tables"] if row["table"] == "ops.runs")["files"] == 1
    shown = cli("--config", full.config, "maintain")
    assert shown.code == 0, shown.error
    assert "bronze" in shown.out
    assert "kB" in shown.out


def _rows(lake: Lake, table: Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_rows(lake, table).to_pylist()
    return found
