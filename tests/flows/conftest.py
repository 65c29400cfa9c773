"""One Prefect server for the whole folder, simulators to ask, and installations to run."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from prefect.logging.handlers import PrefectConsoleHandler
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_LOGGING_LEVEL,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    PREFECT_SERVER_DATABASE_CONNECTION_URL,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness
from pydantic import SecretStr

from flows.simulator.server import Simulator
from flows.simulator.service import SimulatorConfig
from tests.flows.installation import API_KEY, NOW, Installation, install
from tests.flows.prefect_server import PrefectServer

_START_SECONDS = 180


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """Started once: its first start migrates a database."""
    home = tmp_path_factory.mktemp("prefect-home")
    settings = {PREFECT_HOME: home, PREFECT_SERVER_ANALYTICS_ENABLED: False, PREFECT_LOGGING_LEVEL: "WARNING"}
    with temporary_settings(settings), prefect_test_harness(_START_SECONDS), _console_is_quiet():
        yield PrefectServer(str(PREFECT_API_URL.value()), home, _database_file())


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
        if name.startswith("LAKEHOUSE_") or name.startswith("AWS_"):
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
    environment.setattr("flows.workspace.market_clock", lambda _as_if_at: lambda: now)


@pytest.fixture(autouse=True)
def _no_calls_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that would leave this machine fails."""
    send = requests.Session.send

    def local(session: requests.Session, prepared: requests.PreparedRequest, **how: Any) -> Any:
        assert "://127.0.0.1" in str(prepared.url), f"a call outside: {prepared.url}"
        return send(session, prepared, **how)

    monkeypatch.setattr(requests.Session, "send", local)
