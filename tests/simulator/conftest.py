"""Running simulators, and the captures of the real vendor's bodies if they are present."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from flows.simulator.server import Simulator
from flows.simulator.service import SimulatorConfig

_CAPTURES = Path(__file__).resolve().parents[2] / "../shared/data/alphavantage"

SendQuery = Callable[..., requests.Response]


@pytest.fixture
def captures() -> Path:
    if not _CAPTURES.is_dir():
        pytest.skip("the captures of Alpha Vantage's bodies are not on this machine")
    return _CAPTURES


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulator]]:
    """Starts simulators that end with the test."""
    with ExitStack() as stack:
        yield lambda **config: stack.enter_context(Simulator(SimulatorConfig(**config)))


@pytest.fixture
def send_query() -> Iterator[SendQuery]:
    """Sends a query to the simulated Alpha Vantage over HTTP, with a key by default."""
    with requests.Session() as session:

        def get(simulator: Any, **params: str) -> requests.Response:
            return session.get(simulator.url, params={"apikey": "a-key", **params}, timeout=60)

        yield get
