"""A run needs few commits of ops.runs, and what waits is stored whatever happens but a kill."""

import pytest

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake
from delta_tables.tables.ops import RUNS
from jobs.runs.records import deferred_records, flush_records
from jobs.runs.run_context import RunContext
from jobs.runs.stage import StageResult, record, record_early_starts, record_start
from tests.builders.lakes import workspace

DONE = StageResult("silver", "silver.bars", "done")


@pytest.fixture
def ctx(lake: Lake) -> RunContext:
    return workspace(lake)


def stored(ctx: RunContext) -> list[tuple[str, str]]:
    rows = read_rows(ctx.lake, RUNS, ["subject", "status"]).to_pylist()
    return sorted((row["subject"], row["status"]) for row in rows)


def commits(ctx: RunContext) -> int:
    return open_table(ctx.lake, RUNS).version()


def test_an_end_waits_for_the_next_start_and_the_last_end_for_the_end_of_the_block(ctx: RunContext) -> None:
    with deferred_records(ctx):
        record_start(ctx, "silver", "silver.bars")
        assert record(ctx, DONE) == DONE
        assert stored(ctx) == [("silver.bars", "started")]
        record_start(ctx, "gold", "gold")
        assert stored(ctx) == [("gold", "started"), ("silver.bars", "done"), ("silver.bars", "started")]
        record(ctx, StageResult("gold", "gold", "done"))
    assert ("gold", "done") in stored(ctx)
    assert commits(ctx) == 3


def test_starts_that_were_stored_early_are_not_stored_again(ctx: RunContext) -> None:
    with deferred_records(ctx):
        record_early_starts(ctx, [("silver", "silver.bars"), ("gold", "gold")])
        record_start(ctx, "silver", "silver.bars")
        record(ctx, DONE)
        record_start(ctx, "gold", "gold")
        assert commits(ctx) == 1
        record_start(ctx, "gold", "gold")  # a second stage of this name
        assert commits(ctx) == 2


def test_what_waits_is_stored_although_the_block_fails(ctx: RunContext) -> None:
    with pytest.raises(ZeroDivisionError), deferred_records(ctx):
        assert 1 / len(record(ctx, DONE).gates)
    assert stored(ctx) == [("silver.bars", "done")]
    record(ctx, StageResult("gold", "gold", "done"))  # outside, at once
    assert ("gold", "done") in stored(ctx)


def test_a_flush_stores_what_waits_once_and_an_inner_block_does_not(ctx: RunContext) -> None:
    with deferred_records(ctx):
        with deferred_records(ctx):
            record(ctx, DONE)
        assert commits(ctx) == 0
        flush_records(ctx)
        flush_records(ctx)
        assert commits(ctx) == 1
    assert commits(ctx) == 1


def test_each_run_waits_for_itself(ctx: RunContext, lake: Lake) -> None:
    other = workspace(lake)
    with deferred_records(ctx):
        record(ctx, DONE)
        record(other, StageResult("gold", "gold", "done"))
        assert stored(ctx) == [("gold", "done")]
    assert len(stored(ctx)) == 2
