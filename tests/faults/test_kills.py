"""`kill -9` at random moments: nothing is lost or doubled, and no process is left.

KILLS=200 kills more often than the default.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.builders.installation import Installation
from tests.builders.interrupted import WORKS, Work, prepare, require_clean_rerun
from tests.builders.processes import start_still_command

pytestmark = pytest.mark.usefixtures("environment")

KILLS = int(os.environ.get("KILLS", "25"))
KILLS_PER_RERUN = 5
SEED = 59
FIRST_SECONDS = 0.3
PATIENCE_SECONDS = 60


def undisturbed_seconds(here: Installation, work: Work) -> float:
    began = time.monotonic()
    ended = start_still_command(here, *work.words).ended()
    assert (ended.code, ended.error) == (0, "")
    return time.monotonic() - began


def kill(here: Installation, work: Work, seconds: float) -> bool:
    """Runs the command and kills it after so many seconds; whether it still ran."""
    command = start_still_command(here, *work.words)
    deadline = time.monotonic() + seconds
    command.wait_until(lambda: time.monotonic() >= deadline)
    was_running = command.is_running()
    command.process.kill()
    command.process.communicate()
    patience = time.monotonic() + PATIENCE_SECONDS
    while command.processes_left() and time.monotonic() < patience:
        time.sleep(0.05)
    assert command.processes_left() == []
    return was_running


@pytest.mark.parametrize("name", WORKS)
def test_random_kills(
    name: str, here: Installation, filled: Path, record_property: Callable[[str, object], None]
) -> None:
    work, random, killed, reruns = WORKS[name], Random(f"{SEED} {name}"), 0, 0
    wanted = -(-KILLS // len(WORKS))
    prepare(here, filled, work)
    last = undisturbed_seconds(here, work)
    while killed < wanted:
        prepare(here, filled, work)
        moments = [random.uniform(FIRST_SECONDS, last) for _ in range(min(KILLS_PER_RERUN, wanted - killed))]
        killed += sum(kill(here, work, seconds) for seconds in moments)
        reruns += 1
        told = ", ".join(f"{seconds:.2f}" for seconds in moments)
        require_clean_rerun(here, filled, work, f"{name} killed after {told} s of {last:.2f}")
    record_property(
        "happened",
        f"{killed} kills of {name} in {reruns} lakes: each rerun gave the clean hashes, no process left",
    )
