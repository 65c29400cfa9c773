"""One Prefect server for the whole folder; simulators to request, installations to run, the command line."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
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

from tests.builders.installation_fixtures import (
    cli,
    environment,
    filled,
    full,
    here,
    no_calls_outside,
    simulate,
    simulator,
    still_clock,
)
from tests.servers.ports import free_port
from tests.system.flows.prefect_server import PrefectServer

__all__ = [
    "cli",
    "environment",
    "filled",
    "full",
    "here",
    "no_calls_outside",
    "simulate",
    "simulator",
    "still_clock",
]

_START_SECONDS = 180


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """Started once: its first start migrates a database."""
    home = tmp_path_factory.mktemp("prefect-home")
    settings = {
        PREFECT_HOME: home,
        PREFECT_SERVER_ANALYTICS_ENABLED: False,
        PREFECT_LOGGING_LEVEL: "WARNING",
        PREFECT_UI_URL: "http://127.0.0.1:4200",  # nothing listens there; notifications link to it
    }
    with temporary_settings(settings), _started(), _console_is_quiet():
        yield PrefectServer(str(PREFECT_API_URL.value()), home, _database_file())


@contextmanager
def _started() -> Iterator[None]:
    """Prefect's harness, on a port that stays free until its server binds it, with a long timeout."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("prefect.testing.utilities._find_available_port", free_port)
            # the harness waits 5 s for its first response, too short for a busy machine
            patch.setattr(httpx, "Client", partial(httpx.Client, timeout=_START_SECONDS))
            stack.enter_context(prefect_test_harness(_START_SECONDS))
        yield


@contextmanager
def _console_is_quiet() -> Iterator[None]:
    """Prefect's log lines go to its server only, as in a process of the command line."""
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
