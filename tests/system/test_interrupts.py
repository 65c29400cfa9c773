"""Ctrl-C at random moments of the commands that fetch, build, maintain and export."""

import time
from pathlib import Path
from random import Random

import pytest

from flows.cli.interrupts import EXIT_INTERRUPTED
from tests.builders.installation import Installation
from tests.builders.interrupted import WORKS, Work, interrupt, prepare, require_clean_rerun
from tests.builders.processes import start_still_command

pytestmark = pytest.mark.usefixtures("environment")

SEED = 20101
MOMENTS = 4  # of each command
FIRST_SECONDS = 0.5  # from then on the process handles Ctrl-C, even on a busy machine


def undisturbed_seconds(here: Installation, work: Work) -> float:
    """How long the command takes if nobody interrupts it."""
    began = time.monotonic()
    ended = start_still_command(here, *work.words).ended()
    assert (ended.code, ended.error) == (0, "")
    return time.monotonic() - began


@pytest.mark.parametrize("name", WORKS)
def test_a_command_interrupted_at_any_moment_ends_at_once_and_its_rerun_gives_the_clean_lake(
    name: str, here: Installation, filled: Path
) -> None:
    work, random = WORKS[name], Random(f"{SEED} {name}")
    prepare(here, filled, work)
    last = undisturbed_seconds(here, work)
    interrupted = 0
    while interrupted < MOMENTS:
        prepare(here, filled, work)
        seconds = random.uniform(FIRST_SECONDS, last)
        moment = f"{name} after {seconds:.2f} s of {last:.2f}"
        command = start_still_command(here, *work.words)
        deadline = time.monotonic() + seconds
        command.wait_until(lambda until=deadline: time.monotonic() >= until)  # type: ignore[misc]  # bound now
        if command.is_running():
            interrupted += interrupt(command, moment) == EXIT_INTERRUPTED
        else:
            assert command.ended().code == 0, moment
        require_clean_rerun(here, filled, work, moment)
