"""The clock of a run is never behind what the lake has stamped; a clock far behind is refused."""

from datetime import UTC, datetime, timedelta

import pytest

from config.secrets import Secrets
from config.settings import Settings
from delta_tables.storage.lake import Lake, LakeError
from jobs.runs import clock
from jobs.runs.run_context import RunContext, new_run_context
from jobs.runs.stage import StageResult, record
from tests.builders.lakes import land_rows
from tests.builders.payloads import DAYS, bar, daily

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The machine's clock; its only item may be replaced."""
    shown = [NOW]
    for name in ("jobs.runs.clock.utc_now", "jobs.runs.stage.utc_now", "jobs.runs.run_context.utc_now"):
        monkeypatch.setattr(name, lambda: shown[0])
    return shown


def open_run(lake: Lake, **settings: object) -> RunContext:
    return new_run_context(Settings(lake=lake.root, **settings), Secrets(_env_file=None))


def land(lake: Lake, received_at: datetime) -> None:
    land_rows(lake, [daily("A", {DAYS[0]: bar()}, received_at)])


def test_a_clock_that_is_right_or_ahead_is_taken_as_it_is(lake: Lake, wall: list[datetime]) -> None:
    land(lake, NOW - timedelta(hours=1))
    run = open_run(lake)
    wall[0] = NOW + timedelta(hours=2)
    assert run.clock() == wall[0]


def test_a_clock_far_behind_is_refused_with_both_instants(lake: Lake, wall: list[datetime]) -> None:
    land(lake, NOW + timedelta(minutes=6))
    with pytest.raises(LakeError) as caught:
        open_run(lake)
    message = str(caught.value)
    assert "2026-03-04 12:00:00" in message
    assert "2026-03-04 12:06:00" in message
    assert "clock_behind" in message
    wall[0] = NOW + timedelta(minutes=2)
    assert open_run(lake).clock() > NOW + timedelta(minutes=6)


def test_a_stage_that_was_recorded_later_counts_too(lake: Lake, wall: list[datetime]) -> None:
    record(open_run(lake), StageResult("gold", "gold", "done"))
    wall[0] = NOW - timedelta(hours=1)
    with pytest.raises(LakeError, match="the newest stamp of the lake"):
        open_run(lake)


def test_a_clock_slightly_behind_stamps_right_after_the_newest(lake: Lake, wall: list[datetime]) -> None:
    newest = NOW + timedelta(minutes=4)
    land(lake, newest)
    run = open_run(lake)
    assert newest < run.clock() < newest + timedelta(minutes=10)
    assert run.clock() <= run.clock()
    assert wall[0] == NOW


def test_with_the_setting_a_clock_far_behind_stamps_right_after_the_newest(
    lake: Lake, wall: list[datetime]
) -> None:
    newest = NOW + timedelta(days=400)
    land(lake, newest)
    run = open_run(lake, clock_behind="stamp_after")
    assert newest < run.clock() < newest + timedelta(minutes=10)
    assert wall[0] == NOW


def test_a_clock_that_is_set_back_during_a_run_does_not_go_back(lake: Lake, wall: list[datetime]) -> None:
    run = open_run(lake)
    first = run.clock()
    wall[0] = NOW - timedelta(days=1)
    assert run.clock() >= first


def test_a_simulated_clock_is_compared_with_what_was_received_only(lake: Lake, wall: list[datetime]) -> None:
    record(open_run(lake, simulated_now=NOW), StageResult("gold", "gold", "done"))
    run = open_run(lake, simulated_now=datetime(2010, 8, 20, tzinfo=UTC))
    assert run.clock() < clock.utc_now()
    assert wall[0] == NOW
