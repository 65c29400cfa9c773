"""Fixtures of simulated providers, of installations that request them, and of the command line.

A conftest imports those that the tests of its folder use.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from flows.cli import entry_point
from flows.simulator.server import Simulator
from flows.simulator.service import SimulatorConfig
from tests.builders.command_line import Cli, Ended
from tests.builders.installation import API_KEY, NOW, Installation, install
from tests.builders.runs import run_latest

CLOCK = "jobs.runs.clock.market_clock"


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulator]]:
    """Starts simulators, which end with the test; their clock shows the installations' time."""
    with ExitStack() as stack:

        def start(**config: Any) -> Simulator:
            wanted = SimulatorConfig(**{"clock": datetime.fromisoformat(NOW), **config})
            return stack.enter_context(Simulator(wanted))

        yield start


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No settings and no secrets but a key, in an empty folder."""
    for name in os.environ:
        if name.startswith(("LAKEHOUSE_", "AWS_", "PREFECT_")) or name == "DEBUG":
            monkeypatch.delenv(name)
    monkeypatch.setenv("ALPHAVANTAGE_API_KEY", API_KEY)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.fixture
def simulator(simulate: Callable[..., Simulator]) -> Simulator:
    """A simulator of all providers."""
    return simulate()


@pytest.fixture
def here(environment: pytest.MonkeyPatch, tmp_path: Path, simulator: Simulator) -> Installation:
    """An installation that watches one stock."""
    del environment
    return install(tmp_path, simulator.url)


@pytest.fixture
def still_clock(environment: pytest.MonkeyPatch) -> None:
    """The market's clock stands still, so that the same requests give the same rows to the microsecond."""
    stop_clock(environment)


def stop_clock(patch: pytest.MonkeyPatch) -> None:
    """Lets the market's clock of every run of this process stand still at NOW."""
    now = datetime.fromisoformat(NOW)
    patch.setattr(CLOCK, lambda _simulated_now: lambda: now)


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command in this process, as the installed program does."""

    def run(*arguments: str) -> Ended:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["lakehouse", *arguments])
        with pytest.raises(SystemExit) as ended, own_interrupts():
            entry_point.main()
        out, error = capfd.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else int(code is not None), out, error)

    return run


@contextmanager
def own_interrupts() -> Iterator[None]:
    """Restores the handling of Ctrl-C of this process, which a command replaces."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        signal.set_wakeup_fd(-1)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with one stock in it, to be copied."""
    folder = tmp_path_factory.mktemp("filled")
    with (
        pytest.MonkeyPatch.context() as patch,
        Simulator(SimulatorConfig(clock=datetime.fromisoformat(NOW))) as simulator,
    ):
        patch.setenv("ALPHAVANTAGE_API_KEY", API_KEY)
        stop_clock(patch)
        run_latest(install(folder, simulator.url))
    return folder / "lake"


@pytest.fixture
def full(here: Installation, filled: Path, still_clock: None) -> Installation:
    """An installation with a filled lake of its own, whose clock stands still."""
    del still_clock
    shutil.copytree(filled, here.lake.root)
    return here


@pytest.fixture(autouse=True)
def no_calls_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that would send a request to another machine fails."""
    send = requests.Session.send

    def local(session: requests.Session, prepared: requests.PreparedRequest, **how: Any) -> Any:
        assert "://127.0.0.1" in str(prepared.url), f"a call outside: {prepared.url}"
        return send(session, prepared, **how)

    monkeypatch.setattr(requests.Session, "send", local)
