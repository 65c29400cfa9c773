"""Ctrl-C: one line and exit code 130 within seconds; no process is left, and a rerun gives the clean lake."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.simulator.faults import Fault, FaultKind
from flows.simulator.server import Simulator
from tests.builders.installation import Installation, run_python
from tests.builders.interrupted import (
    EXPORT,
    INTERRUPTED,
    WORKS,
    new_files,
    prepare,
    require_clean_rerun,
    require_interrupted,
)
from tests.builders.processes import start_command, start_still_command

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("environment")]


def files_of(name: str) -> Callable[[Installation], Callable[[], bool]]:
    """Whether the lake has a new file of this pattern."""
    return lambda here: new_files(Path(here.lake.root), name)


MOMENTS: dict[str, Callable[[Installation], Callable[[], bool]]] = {
    "build": files_of("_staging/*"),
    "replay": files_of("_staging/*/bars_revalidated*"),
    "maintain": files_of("*/*/_delta_log/*.json"),
    "export": lambda here: (here.folder / EXPORT).exists,
}


@pytest.mark.parametrize("name", MOMENTS)
def test_an_interrupted_command_ends_at_once_and_its_rerun_gives_the_clean_lake(
    name: str, here: Installation, filled: Path
) -> None:
    work = WORKS[name]
    prepare(here, filled, work)
    has_come = MOMENTS[name](here)
    command = start_still_command(here, *work.words)
    command.wait_until(has_come)
    require_interrupted(command, name)
    require_clean_rerun(here, filled, work, name)


def test_an_interrupted_run_that_waits_for_a_provider_ends_at_once_and_its_rerun_gives_the_clean_lake(
    here: Installation, filled: Path, simulator: Simulator
) -> None:
    silence = Fault(FaultKind.TIMEOUT, functions=("OVERVIEW",), seconds=120)
    simulator.service.set_faults((silence,))
    command = start_still_command(here, "run")
    command.wait_until(lambda: simulator.service.stats()["calls"] == 3)
    require_interrupted(command, "run")
    simulator.service.set_faults(())
    require_clean_rerun(here, filled, WORKS["run"], "run")


SWALLOWING = "while True:\n try: time.sleep(60)\n except BaseException: pass"
NATIVE = "hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)"  # minutes without looking at a signal
FINISHING = "try: time.sleep(60)\nexcept BaseException: pass"
FAILING = "try: time.sleep(60)\nexcept BaseException: raise OSError('the connection was lost') from None"


@pytest.mark.parametrize(
    "code", [SWALLOWING, NATIVE, FINISHING, FAILING], ids=["swallows", "native code", "finishes", "fails"]
)
def test_a_command_that_swallows_delays_or_replaces_the_interrupt_ends_all_the_same(
    full: Installation, code: str
) -> None:
    script = """
import hashlib, sys, threading, time
from flows.cli.entry_point import run_in_process
def work():
    threading.Timer(0.5, print, ["at work"], {"flush": True}).start()
    exec(sys.argv[1])
run_in_process(work)
"""
    process = run_python(["-c", script, code], full, {})
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (130, INTERRUPTED)


def test_a_command_that_is_interrupted_during_its_imports_ends_at_once(full: Installation) -> None:
    command = start_command(full, "build")
    maps = Path(f"/proc/{command.process.pid}/maps")
    command.wait_until(lambda: "/deltalake/" in maps.read_text())
    require_interrupted(command, "imports")
