"""The simulator without its sockets: all providers over one clock, one market and one set of faults."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from flows.simulator.alphavantage.plans import PLANS, PlanName
from flows.simulator.alphavantage.simulator import AlphaVantageSimulator
from flows.simulator.faults import Fault, FaultPlan
from flows.simulator.http_response import NOT_FOUND, SimulatedResponse
from flows.simulator.market.clock import Clock
from flows.simulator.market.market import Market
from flows.simulator.provider_simulator import ProviderSimulator, SimulatedRequest, SimulatorContext
from flows.simulator.rate_counter import RateCounter
from flows.simulator.registry import PROVIDERS, respond


@dataclass(frozen=True)
class SimulatorConfig:
    """How a simulator starts; `clock` None means real time, `port` 0 any free port."""

    plan: PlanName = PlanName.UNMETERED
    clock: datetime | None = None
    faults: tuple[Fault, ...] = ()
    seed: int = 0
    port: int = 0
    calls_per_minute: int | None = None  # for each provider except Alpha Vantage, which has plans


class SimulatorService:
    """Responds to the requests of all providers; safe to use from many threads."""

    def __init__(self, config: SimulatorConfig, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.clock = Clock(config.clock)
        self._fault_plan = FaultPlan(config.faults)
        self._context = SimulatorContext(Market(config.seed), self.clock, self._active_faults)
        self.alphavantage = AlphaVantageSimulator(self._context, PLANS[config.plan], monotonic)
        self._providers = {name: create(self._context) for name, create in PROVIDERS.items()}
        self._counters = {name: RateCounter(config.calls_per_minute) for name in PROVIDERS}

    def respond(self, request: SimulatedRequest) -> SimulatedResponse:
        """The response of the provider whose path it is, or 404 if there is none."""
        if request.path == self.alphavantage.path:
            return self.alphavantage.respond(request)
        for name, provider in self._providers.items():
            if request.path.startswith(provider.prefix):
                return respond(provider, self._counters[name], self._context, request)
        return NOT_FOUND

    def provider_simulator(self, name: str) -> ProviderSimulator:
        """The provider of this name, such as `massive`; raises KeyError if there is none."""
        return self._providers[name]

    def set_faults(self, faults: Sequence[Fault]) -> None:
        """Replace the faults in force; their counts start again at zero."""
        self._fault_plan = FaultPlan(faults)

    def stats(self) -> dict[str, object]:
        """The calls of Alpha Vantage, in total and per key fingerprint, and those of each other provider."""
        others = {
            name: {"served": counter.served, "refused": counter.refused}
            for name, counter in self._counters.items()
        }
        now = self.clock.now().isoformat()
        return {"now": now, **self.alphavantage.call_log.summary(), "protocols": others}

    def _active_faults(self, function: str, symbol: str) -> tuple[Fault, ...]:
        return self._fault_plan.active_faults(function, symbol)
