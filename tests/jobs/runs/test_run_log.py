"""The run log: the next run finds what was done."""

import shutil
from dataclasses import replace

import pytest

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables import gold
from delta_tables.tables.bronze import RAW_PAYLOADS
from delta_tables.tables.ops import RUNS
from delta_tables.tables.silver import BARS, FUNDAMENTALS
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import (
    GOLD,
    INGEST,
    SILVER,
    built_version,
    gold_was_replaced,
    pending_runs,
    recorded_clocks,
    table_ids,
)
from jobs.runs.stage import StageResult, record, record_start, recorded_failure
from tests.builders.lakes import workspace


def run(lake: Lake, run_id: str) -> RunContext:
    return replace(workspace(lake), run_id=run_id)


@pytest.fixture
def log(lake: Lake) -> Lake:
    create_tables(lake)
    return lake


def built(lake: Lake, run_id: str, version: int, table: Table = BARS, status: str = "done") -> None:
    ids = table_ids(lake, RAW_PAYLOADS, table)
    record_start(run(lake, run_id), SILVER, table.full_name)
    record(
        run(lake, run_id), StageResult(SILVER, table.full_name, status, bronze_version=version, table_ids=ids)
    )


def test_a_result_is_stored_as_it_is(log: Lake) -> None:
    result = StageResult(GOLD, "gold", "done", 1.5, 3, 2, 1, 7, ("r1", "r2"), "a detail", "an id")
    assert record(run(log, "r3"), result) == result
    (row,) = read_rows(log, RUNS).to_pylist()
    kept = {name: value for name, value in vars(result).items() if name not in {"gates", "table_versions"}}
    assert {name: row[name] for name in kept} == {**kept, "consumed_runs": ["r1", "r2"]}
    assert row["run_id"] == "r3"


def test_the_built_version_is_the_highest_that_was_done_for_that_table(log: Lake) -> None:
    assert built_version(log, BARS) is None
    built(log, "r1", 4)
    built(log, "r2", 3)
    built(log, "r3", 9, status="blocked")
    built(log, "r4", 8, table=FUNDAMENTALS)
    assert built_version(log, BARS) == 4


def test_a_run_is_pending_from_its_start_until_gold_has_consumed_it(log: Lake) -> None:
    assert pending_runs(log) == ()
    record_start(run(log, "r2"), SILVER, BARS.full_name)
    built(log, "r1", 1)
    assert pending_runs(log) == ("r1", "r2")
    record(run(log, "r3"), StageResult(GOLD, "gold", "blocked", consumed_runs=("r1", "r2")))
    assert pending_runs(log) == ("r1", "r2")
    record(run(log, "r3"), StageResult(GOLD, "gold", "done", consumed_runs=("r1",)))
    assert pending_runs(log) == ("r2",)


def test_the_clocks_of_all_ingests_are_remembered(log: Lake) -> None:
    assert recorded_clocks(log) == set()
    record(run(log, "r1"), StageResult(INGEST, "alphavantage", "started", detail="real time"))
    record(run(log, "r2"), StageResult(INGEST, "daily", "done", detail="something else"))
    assert recorded_clocks(log) == {"real time"}


def test_a_table_that_was_moved_away_counts_as_never_built(log: Lake) -> None:
    built(log, "r1", 4)
    built(log, "r2", 5, table=FUNDAMENTALS)
    shutil.rmtree(log.uri(BARS))
    create_tables(log)
    assert built_version(log, BARS) is None
    assert built_version(log, FUNDAMENTALS) == 5


def test_gold_was_replaced_when_it_was_built_into_other_tables(log: Lake) -> None:
    assert not gold_was_replaced(log, gold.TABLES)
    record(run(log, "r1"), StageResult(GOLD, "gold", "done", table_ids=table_ids(log, *gold.TABLES)))
    assert not gold_was_replaced(log, gold.TABLES)
    shutil.rmtree(log.uri(gold.SIGNALS))
    create_tables(log)
    assert gold_was_replaced(log, gold.TABLES)


def test_a_lake_without_a_log_has_nothing_pending(lake: Lake) -> None:
    assert (pending_runs(lake), recorded_clocks(lake)) == ((), set())


def test_a_stage_that_ended_by_an_error_is_recorded_and_stays_pending(log: Lake) -> None:
    record_start(run(log, "r1"), SILVER, BARS.full_name)
    with pytest.raises(OSError, match="gone"), recorded_failure(run(log, "r1"), SILVER, BARS.full_name):
        raise OSError("the disk is gone")
    (row,) = read_rows(log, RUNS, where="status = 'failed'").to_pylist()
    assert (row["detail"], built_version(log, BARS)) == ("OSError: the disk is gone", None)
    assert pending_runs(log) == ("r1",)
