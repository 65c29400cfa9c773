"""The simulated providers by name: add a new provider to `PROVIDERS`.

Alpha Vantage is not listed: its plans limit calls per API key, so service.py sets it up.
"""

from collections.abc import Callable, Mapping
from functools import partial

from flows.simulator.bse.endpoints import BseSimulator
from flows.simulator.coingecko.endpoints import CoinGeckoSimulator
from flows.simulator.http_response import SimulatedResponse, respond_with_faults
from flows.simulator.massive.s3_endpoint import MassiveSimulator
from flows.simulator.provider_simulator import ProviderSimulator, SimulatedRequest, SimulatorContext
from flows.simulator.rate_counter import RateCounter
from flows.simulator.yahoo.endpoints import YahooSimulator

PROVIDERS: Mapping[str, Callable[[SimulatorContext], ProviderSimulator]] = {
    "yahoo": YahooSimulator,
    "bse": BseSimulator,
    "coingecko": CoinGeckoSimulator,
    "massive": MassiveSimulator,
}


def respond(
    provider: ProviderSimulator, counter: RateCounter, context: SimulatorContext, request: SimulatedRequest
) -> SimulatedResponse:
    """The provider's response, after its rate limit and the faults in force."""
    if not counter.admit():
        return provider.rate_limited()
    faults = context.active_faults(*provider.fault_target(request))
    credentials = request.headers.get("authorization", "")
    return respond_with_faults(faults, request.url, credentials, partial(provider.respond, request))
