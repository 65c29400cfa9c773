"""The contract between the simulator and a provider, and what a provider's responses are made from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from flows.simulator.faults import Fault
from flows.simulator.http_response import SimulatedResponse
from flows.simulator.market.clock import Clock
from flows.simulator.market.market import Market


@dataclass(frozen=True)
class SimulatedRequest:
    """One GET or HEAD request; header names are in lower case, `url` is as the client wrote it."""

    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    url: str


@dataclass(frozen=True)
class SimulatorContext:
    """What every provider serves from; `active_faults(function, symbol)` gives the faults of one request."""

    market: Market
    clock: Clock
    active_faults: Callable[[str, str], tuple[Fault, ...]]


class ProviderSimulator(Protocol):
    """One provider's API, served below `prefix` (such as `/yahoo/`)."""

    prefix: str

    def fault_target(self, request: SimulatedRequest) -> tuple[str, str]:
        """The function and the symbol of the request, by which faults are selected."""

    def respond(self, request: SimulatedRequest, faults: tuple[Fault, ...]) -> SimulatedResponse:
        """The response; `faults` are the data faults in force (late bars, corrections and so on)."""

    def rate_limited(self) -> SimulatedResponse:
        """The provider's response to a call above its rate limit."""
