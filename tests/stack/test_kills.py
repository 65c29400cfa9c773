"""What breaks while a build runs on the stack: the next run completes, with the rows of an undisturbed one.

Each disturbed lake begins with a copy of the Bronze of a calm one, built from the same payloads undisturbed.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import count
from types import MappingProxyType

import pytest

from tests.builders.lakes import hashes
from tests.stack.running_stack import DEMO, ENDED, Run, Stack, crash, restarts, until

pytestmark = pytest.mark.disruptive

ALL = {"start": "2010-08-02", "end": "2010-08-20", "datasets": ["daily", "intraday"]}
OUTAGE_SECONDS = 60
Strike = Callable[[], AbstractContextManager[Callable[[], None]]]


@pytest.fixture(scope="module")
def undisturbed(stack: Stack) -> dict[str, str]:
    run = stack.ended(start_build(stack, "calm"))
    assert run.state_type == "COMPLETED", (run, stack.logs_of(run.id)[-4000:])
    return hashes(stack.lake("calm"))


def copy_bronze(stack: Stack, name: str) -> None:
    """A lake with the calm one's payloads and nothing else."""
    bucket = stack.store().client()
    for key in stack.keys("calm/bronze/"):
        source = {"Bucket": "lakehouse", "Key": key}
        bucket.copy_object(Bucket="lakehouse", Key=key.replace("calm/", f"{name}/", 1), CopySource=source)


def start_build(stack: Stack, name: str, settings: Mapping[str, str] = MappingProxyType({})) -> str:
    """The id of a run that finds all landed and builds it."""
    place = {**DEMO, "LAKEHOUSE_LAKE": f"s3://lakehouse/{name}", **settings}
    return stack.start("backfill/on-demand", ALL, place)


def merge_of(stack: Stack, name: str) -> bool | None:
    """Whether the merge into silver.bars is at work, its files written and not committed; None: not begun."""
    keys = stack.keys(f"{name}/silver/bars/")
    commits = [key for key in keys if "/_delta_log/" in key and key.endswith(".json")]
    if len(commits) > 1:
        return False
    return True if any("/_delta_log/" not in key for key in keys) else None


def is_met(stack: Stack, name: str, run_id: str) -> bool:
    """Whether the merge was met at work; AssertionError with what the run said where it ended before that."""
    looks = count(1)

    def look() -> bool | None:
        # seldom, for it takes longer than a look; and first, so that what ended has begun its merge by then
        run = stack.run(run_id) if next(looks) % 100 == 0 else None
        found = merge_of(stack, name)
        if found is None and run and run.state_type in ENDED:
            raise AssertionError((run, stack.logs_of(run_id)[-4000:]))
        return found

    return until(look, "silver.bars is being written", 600, every=0.01)


def is_whole(stack: Stack, name: str, undisturbed: dict[str, str]) -> None:
    """The next run completes, and the rows are those of the undisturbed lake."""
    run = stack.ended(start_build(stack, name))
    assert run.state_type == "COMPLETED", (run, stack.logs_of(run.id)[-4000:])
    assert hashes(stack.lake(name)) == undisturbed


def disturbed(
    stack: Stack, name: str, armed: Strike, is_hit: Callable[[str], bool] = lambda _lake: True
) -> tuple[str, Run]:
    """The lake, and how a run on it ended inside whose merge something was done to the stack.

    A merge that was over between two looks, or too soon for `is_hit`, is tried again on another lake.
    """
    for attempt in range(6):
        lake = f"{name}-{attempt}"
        copy_bronze(stack, lake)
        with armed() as strike:
            run_id = start_build(stack, lake)
            was_met = is_met(stack, lake, run_id)
            if was_met:
                strike()
        was_hit = was_met and is_hit(lake)
        stack.up()
        run = stack.ended(run_id)
        if was_hit:
            return lake, run
    raise AssertionError("the merge was over each time before anything could be done to it")


def test_the_same_payloads_give_the_same_rows(stack: Stack, undisturbed: dict[str, str]) -> None:
    copy_bronze(stack, "again")
    is_whole(stack, "again", undisturbed)
    assert stack.keys("again/_lease/") == []  # given back


def test_the_spark_driver_is_killed_inside_a_merge(stack: Stack, undisturbed: dict[str, str]) -> None:
    before = restarts(stack, "spark")

    lake, run = disturbed(
        stack, "driver-killed", partial(crash, stack, "spark"), lambda lake: merge_of(stack, lake) is True
    )
    assert restarts(stack, "spark") > before
    assert run.state_type == "FAILED", run
    assert "ended or restarted during the work" in run.message, run
    is_whole(stack, lake, undisturbed)


def test_the_worker_is_killed_during_a_run(stack: Stack, undisturbed: dict[str, str]) -> None:
    before = restarts(stack, "prefect-worker")

    lake, run = disturbed(stack, "worker-killed", partial(crash, stack, "prefect-worker"))
    assert restarts(stack, "prefect-worker") > before
    assert run.state_type == "CRASHED", run
    assert "was started anew" in run.message
    is_whole(stack, lake, undisturbed)


def test_prefect_s_server_is_restarted_during_a_run(stack: Stack, undisturbed: dict[str, str]) -> None:
    def restart() -> None:
        stack.compose("restart", "prefect-server")

    lake, run = disturbed(stack, "server-restarted", lambda: nullcontext(restart))
    assert run.state_type == "COMPLETED", (run, stack.logs_of(run.id)[-4000:])
    is_whole(stack, lake, undisturbed)


def test_the_store_is_away_for_a_minute_during_a_run(stack: Stack, undisturbed: dict[str, str]) -> None:
    asked: list[str] = []

    def outage() -> None:
        stack.compose("stop", "--timeout", "5", "minio")
        stopped = time.monotonic()
        never = {**DEMO, "LAKEHOUSE_LAKE": "s3://lakehouse/never-there"}
        try:
            asked.append(stack.start("market-data/daily-after-close", {}, never))
            stack.ended(asked[-1], 300)  # else it might find the store again, late as it may begin
            time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - stopped)))
        finally:
            stack.compose("start", "minio")

    lake, _run = disturbed(stack, "store-away", lambda: nullcontext(outage))
    is_whole(stack, lake, undisturbed)
    dead = stack.run(asked[-1])
    assert dead.state_type == "FAILED", dead
    assert dead.seconds < 60, dead  # it does not hang
    assert "s3a://lakehouse/never-there" in dead.message, dead


def test_the_embedded_engine_gives_the_same_rows(stack: Stack, undisturbed: dict[str, str]) -> None:
    copy_bronze(stack, "embedded")
    run = stack.ended(start_build(stack, "embedded", {"LAKEHOUSE_ENGINE": "embedded"}))
    assert run.state_type == "COMPLETED", (run, stack.logs_of(run.id)[-4000:])
    assert hashes(stack.lake("embedded")) == undisturbed


def test_a_spark_cluster_gives_the_same_rows(stack: Stack, undisturbed: dict[str, str]) -> None:
    copy_bronze(stack, "on-a-cluster")
    stack.start_cluster()
    try:
        is_whole(stack, "on-a-cluster", undisturbed)
        workers = ("spark-worker-1", "spark-worker-2")
        assert all("Asked to launch executor" in stack.compose("logs", name) for name in workers)
    finally:
        stack.stop_cluster()


def test_no_run_is_left_unfinished(stack: Stack) -> None:
    unfinished = {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}}}

    def look() -> bool | None:
        return None if stack.api("POST", "flow_runs/filter", unfinished) else True

    until(look, "every run has ended", seconds=600, every=5)
