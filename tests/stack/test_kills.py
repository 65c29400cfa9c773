"""What breaks while a build runs on the stack: the next run completes, with the rows of an undisturbed one.

Each disturbed lake begins with a copy of the Bronze of a calm one, built from the same payloads undisturbed.
"""

import time
from collections.abc import Callable

import pytest

from tests.lakes import hashes
from tests.stack.running_stack import DEMO, Run, Stack, crash, restarts, until

ALL = {"start": "2010-08-02", "end": "2010-08-20", "datasets": ["daily", "intraday"]}
OUTAGE_SECONDS = 60


@pytest.fixture(scope="module")
def undisturbed(stack: Stack) -> dict[str, str]:
    run = stack.ended(start_build(stack, "calm"))
    assert run.state_type == "COMPLETED", (run, stack.logs_of(run.id)[-4000:])
    return hashes(stack.lake("calm"))


def copy_bronze(stack: Stack, name: str) -> None:
    """A lake with the calm one's payloads and nothing else."""
    bucket = stack.bucket()
    for key in stack.keys("calm/bronze/"):
        source = {"Bucket": "lakehouse", "Key": key}
        bucket.copy_object(Bucket="lakehouse", Key=key.replace("calm/", f"{name}/", 1), CopySource=source)


def start_build(stack: Stack, name: str) -> str:
    """The id of a run that finds all landed and builds it."""
    return stack.start("backfill/on-demand", ALL, {**DEMO, "LAKEHOUSE_LAKE": f"s3://lakehouse/{name}"})


def is_inside_the_merge(stack: Stack, name: str) -> bool:
    """Whether silver.bars has data files and no commit that knows them."""
    keys = stack.keys(f"{name}/silver/bars/")
    commits = [key for key in keys if "/_delta_log/" in key and key.endswith(".json")]
    return len(commits) == 1 and any("/_delta_log/" not in key for key in keys)


def until_merging(stack: Stack, name: str) -> None:
    """Returns inside the merge into silver.bars."""
    until(lambda: is_inside_the_merge(stack, name) or None, "silver.bars is being written", 600, every=0.01)


def is_whole(stack: Stack, name: str, undisturbed: dict[str, str]) -> None:
    """The next run completes, and the rows are those of the undisturbed lake."""
    run = stack.ended(start_build(stack, name))
    assert run.state_type == "COMPLETED", (run, stack.logs_of(run.id)[-4000:])
    assert hashes(stack.lake(name)) == undisturbed


def disturbed(stack: Stack, name: str, disturb: Callable[[], None]) -> Run:
    """How a run ended inside whose merge something was done to the stack."""
    copy_bronze(stack, name)
    run_id = start_build(stack, name)
    until_merging(stack, name)
    disturb()
    stack.up()
    return stack.ended(run_id)


def test_the_same_payloads_give_the_same_rows(stack: Stack, undisturbed: dict[str, str]) -> None:
    copy_bronze(stack, "again")
    is_whole(stack, "again", undisturbed)
    assert stack.keys("again/_lease/") == []  # given back


def test_the_spark_driver_is_killed_inside_a_merge(stack: Stack, undisturbed: dict[str, str]) -> None:
    before = restarts(stack, "spark")
    for attempt in range(4):  # the merge may be done before the blow falls
        name = f"driver-killed-{attempt}"
        with crash(stack, "spark") as kill:
            run = disturbed(stack, name, kill)
        if was_inside := is_inside_the_merge(stack, name):
            break
        is_whole(stack, name, undisturbed)
    assert was_inside
    assert restarts(stack, "spark") > before
    assert run.state_type == "FAILED", run
    is_whole(stack, name, undisturbed)


def test_the_worker_is_killed_during_a_run(stack: Stack, undisturbed: dict[str, str]) -> None:
    before = restarts(stack, "prefect-worker")
    with crash(stack, "prefect-worker") as kill:
        run = disturbed(stack, "worker-killed", kill)
    assert restarts(stack, "prefect-worker") == before + 1
    assert run.state_type == "CRASHED", run
    assert "was started anew" in run.message
    is_whole(stack, "worker-killed", undisturbed)


def test_prefect_s_server_is_restarted_during_a_run(stack: Stack, undisturbed: dict[str, str]) -> None:
    def restart() -> None:
        stack.compose("restart", "prefect-server")

    disturbed(stack, "server-restarted", restart)
    is_whole(stack, "server-restarted", undisturbed)


def test_the_store_is_away_for_a_minute_during_a_run(stack: Stack, undisturbed: dict[str, str]) -> None:
    asked: list[str] = []

    def outage() -> None:
        stack.compose("stop", "--timeout", "5", "minio")
        stopped = time.monotonic()
        asked.append(start_build(stack, "never-there"))
        time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - stopped)))
        stack.compose("start", "minio")

    disturbed(stack, "store-away", outage)
    is_whole(stack, "store-away", undisturbed)
    dead = stack.ended(asked[0])
    assert dead.state_type == "FAILED", dead
    assert dead.seconds < 60, dead  # it does not hang
    assert "s3a://lakehouse/never-there" in dead.message, dead


def test_no_run_is_left_unfinished(stack: Stack) -> None:
    unfinished = {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}}}

    def look() -> bool | None:
        return None if stack.api("POST", "flow_runs/filter", unfinished) else True

    until(look, "every run has ended", seconds=600, every=5)
