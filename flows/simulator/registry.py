"""The simulated providers by name: each package of this folder with a `SIMULATOR`.

Alpha Vantage has none: its plans limit calls per API key, so service.py sets it up.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Final

from flows.simulator.http_response import SimulatedResponse, respond_with_faults
from flows.simulator.provider_simulator import ProviderSimulator, SimulatedRequest, SimulatorContext
from flows.simulator.rate_counter import RateCounter

_PACKAGES = [
    import_module(f"flows.simulator.{name}")
    for _, name, is_package in iter_modules([str(Path(__file__).parent)])
    if is_package
]
PROVIDERS: Final[Mapping[str, Callable[[SimulatorContext], ProviderSimulator]]] = MappingProxyType(
    {
        package.__name__.rpartition(".")[2]: package.SIMULATOR
        for package in _PACKAGES
        if hasattr(package, "SIMULATOR")
    }
)


def respond(
    provider: ProviderSimulator, counter: RateCounter, context: SimulatorContext, request: SimulatedRequest
) -> SimulatedResponse:
    """The provider's response, after its rate limit and the faults in force."""
    if not counter.admit():
        return provider.rate_limited()
    faults = context.active_faults(*provider.fault_target(request))
    credentials = request.headers.get("authorization", "")
    return respond_with_faults(faults, request.url, credentials, partial(provider.respond, request))
