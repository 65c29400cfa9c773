"""One Prefect server for the whole folder, simulators to ask, and installations to run."""

import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from prefect.logging.handlers import PrefectConsoleHandler
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_LOGGING_LEVEL,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    PREFECT_SERVER_DATABASE_CONNECTION_URL,
    PREFECT_UI_URL,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness
from pydantic import SecretStr

from flows.cli import entry_point
from flows.market_data import market_data
from flows.simulator.server import Simulator
from flows.simulator.service import SimulatorConfig
from tests.flows.command_line import Cli, Ended
from tests.flows.installation import API_KEY, NOW, Installation, install
from tests.flows.prefect_server import PrefectServer
from tests.ports import free_port

_START_SECONDS = 180


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """Started once: its first start migrates a database."""
    home = tmp_path_factory.mktemp("prefect-home")
    settings = {
        PREFECT_HOME: home,
        PREFECT_SERVER_ANALYTICS_ENABLED: False,
        PREFECT_LOGGING_LEVEL: "WARNING",
        PREFECT_UI_URL: "http://127.0.0.1:4200",  # has no pages; what it tells of runs has their address
    }
    with temporary_settings(settings), _started(), _console_is_quiet():
        yield PrefectServer(str(PREFECT_API_URL.value()), home, _database_file())


@contextmanager
def _started() -> Iterator[None]:
    """Prefect's harness, on a port that is still free when its server comes to it, and patiently asked."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("prefect.testing.utilities._find_available_port", free_port)
            # its first answer is waited for 5 s, by which a busy machine may miss it
            patch.setattr(httpx, "Client", partial(httpx.Client, timeout=_START_SECONDS))
            stack.enter_context(prefect_test_harness(_START_SECONDS))
        yield


@contextmanager
def _console_is_quiet() -> Iterator[None]:
    """As in a process of the command line: Prefect's log lines go to its server only."""
    handlers = [each for each in logging.getLogger().handlers if isinstance(each, PrefectConsoleHandler)]
    levels = [handler.level for handler in handlers]
    for handler in handlers:
        handler.setLevel(logging.CRITICAL)
    yield
    for handler, level in zip(handlers, levels, strict=True):
        handler.setLevel(level)


def _database_file() -> Path:
    address = PREFECT_SERVER_DATABASE_CONNECTION_URL.value()
    assert address is not None
    text = address.get_secret_value() if isinstance(address, SecretStr) else str(address)
    return Path(text.removeprefix("sqlite+aiosqlite:///"))


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulator]]:
    """Starts simulators, which end with the test; their clock stands where the installations' does."""
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
    return simulate()


@pytest.fixture
def here(environment: pytest.MonkeyPatch, tmp_path: Path, simulator: Simulator) -> Installation:
    """An installation that watches one stock."""
    del environment
    return install(tmp_path, simulator.url)


@pytest.fixture
def still_clock(environment: pytest.MonkeyPatch) -> None:
    """The market's clock stands still, so that the same questions give the same rows to the microsecond."""
    now = datetime.fromisoformat(NOW)
    environment.setattr("jobs.runs.run_context.market_clock", lambda _simulated_now: lambda: now)


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command in this process, as the installed program does."""

    def run(*arguments: str) -> Ended:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["lakehouse", *arguments])
        with pytest.raises(SystemExit) as ended:
            entry_point.main()
        out, error = capfd.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else int(code is not None), out, error)

    return run


@pytest.fixture(scope="session")
def filled(prefect_server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with one stock in it, to be copied."""
    del prefect_server
    folder = tmp_path_factory.mktemp("filled")
    with (
        pytest.MonkeyPatch.context() as patch,
        Simulator(SimulatorConfig(clock=datetime.fromisoformat(NOW))) as simulator,
    ):
        patch.setenv("ALPHAVANTAGE_API_KEY", API_KEY)
        patch.setattr(
            "jobs.runs.run_context.market_clock", lambda _simulated_now: lambda: datetime.fromisoformat(NOW)
        )
        market_data(install(folder, simulator.url).config)
    return folder / "lake"


@pytest.fixture
def full(here: Installation, filled: Path, still_clock: None) -> Installation:
    """An installation with a filled lake of its own, whose clock stands still."""
    del still_clock
    shutil.copytree(filled, here.lake.root)
    return here


@pytest.fixture(autouse=True)
def _no_calls_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that would leave this machine fails."""
    send = requests.Session.send

    def local(session: requests.Session, prepared: requests.PreparedRequest, **how: Any) -> Any:
        assert "://127.0.0.1" in str(prepared.url), f"a call outside: {prepared.url}"
        return send(session, prepared, **how)

    monkeypatch.setattr(requests.Session, "send", local)
