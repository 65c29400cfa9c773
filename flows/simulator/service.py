"""The simulator without its sockets: admits, serves or fails a call, and keeps count."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from threading import Lock

from flows.simulator.alphavantage import error_messages as messages
from flows.simulator.alphavantage.endpoints import Body, Query, answer, read_query
from flows.simulator.alphavantage.plans import PLANS, PlanName, Quota, entitlement_refusal
from flows.simulator.call_log import KeyCalls, Outcome, fingerprint
from flows.simulator.faults import DATA_FAULTS, Fault, FaultKind, FaultPlan
from flows.simulator.http_response import Answer, Delivery, failure
from flows.simulator.market.clock import Clock
from flows.simulator.market.market import Market
from flows.simulator.market.sessions import NEW_YORK
from flows.simulator.provider_simulator import SPEAKERS, Counter, HttpCall, Speaker, Surroundings, speak

_KEPT_BODIES = 1200  # two sizes of every daily history; about 40 MB


@dataclass(frozen=True)
class SimulatorConfig:
    """What a simulator is started with; a clock of None is real time, port 0 any free port."""

    plan: PlanName = PlanName.UNMETERED
    clock: datetime | None = None
    faults: tuple[Fault, ...] = ()
    seed: int = 0
    port: int = 0
    calls_per_minute: int | None = None  # of each protocol but Alpha Vantage's, which has plans


class Service:
    """Answers calls for every key under one plan; safe to use from many threads."""

    def __init__(self, config: SimulatorConfig, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.clock = Clock(config.clock)
        self._monotonic = monotonic
        self._plan = PLANS[config.plan]
        self._market = Market(config.seed)
        self._fault_plan = FaultPlan(config.faults)
        self._quotas: defaultdict[str, Quota] = defaultdict(Quota)
        self._calls: defaultdict[str, KeyCalls] = defaultdict(KeyCalls)
        self._lock = Lock()
        self._around = Surroundings(self._market, self.clock, self._strike)
        self._speakers = {name: make(self._around) for name, make in SPEAKERS.items()}
        self._counters = {name: Counter(config.calls_per_minute) for name in SPEAKERS}
        self._kept_body = lru_cache(_KEPT_BODIES)(self._daily_body)

    def call(self, params: Mapping[str, str], url: str) -> Answer:
        """The answer to one query; `url` is the caller's, key included, for the fault that repeats it."""
        api_key = params.get("apikey", "").strip()
        query, now = read_query(params), self.clock.now()
        today = now.astimezone(NEW_YORK).date()
        refusal = self._refusal(query, api_key, today)
        if refusal is not None:
            self._count(api_key, Outcome.REFUSED, today)
            return Answer(messages.render(refusal))
        faults = self._fault_plan.strike(query.function, query.symbol)
        transport = next((fault for fault in faults if fault.kind not in DATA_FAULTS), None)
        self._count(api_key, Outcome.FAULTED if transport else Outcome.SERVED, today)
        if transport is not None and transport.kind is not FaultKind.TRUNCATED:
            return failure(transport, url, api_key)
        body = self._body(query, now, faults)
        headers = (("X-Simulated", "true"),) if body.is_simulated else ()
        delivery = Delivery.WHOLE if transport is None else Delivery.CUT
        return Answer(body.content, body.content_type, headers=headers, delivery=delivery)

    def speak(self, call: HttpCall) -> Answer | None:
        """The answer in the protocol below whose path the call is; None where there is none."""
        for name, speaker in self._speakers.items():
            if call.path.startswith(speaker.prefix):
                return speak(speaker, self._counters[name], self._around, call)
        return None

    def speaker(self, name: str) -> Speaker:
        """What speaks the protocol of that name, such as `massive`; KeyError where none does."""
        return self._speakers[name]

    def set_faults(self, faults: Sequence[Fault]) -> None:
        """Replace the faults in force; their counts start anew."""
        self._fault_plan = FaultPlan(faults)

    def stats(self) -> dict[str, object]:
        """The calls in all and by the fingerprint of the key; the key itself is nowhere in it."""
        with self._lock:
            by_key = {name: calls.summary() for name, calls in self._calls.items()}
        totals = {
            name: sum(summary[name] for summary in by_key.values())
            for name in ("calls", *(outcome.value for outcome in Outcome))
        }
        others = {
            name: {"served": counter.served, "refused": counter.refused}
            for name, counter in self._counters.items()
        }
        return {"now": self.clock.now().isoformat(), **totals, "keys": by_key, "protocols": others}

    def _strike(self, function: str, symbol: str) -> tuple[Fault, ...]:
        return self._fault_plan.strike(function, symbol)

    def _refusal(self, query: Query, api_key: str, today: date) -> dict[str, str] | None:
        if not api_key:
            return messages.KEY_MISSING
        with self._lock:
            refusal = self._quotas[api_key].admit(self._plan, api_key, today, self._monotonic())
        return refusal or entitlement_refusal(self._plan, query.function, query.outputsize)

    def _count(self, api_key: str, outcome: Outcome, today: date) -> None:
        with self._lock:
            self._calls[fingerprint(api_key)].add(outcome, today, self._monotonic())

    def _body(self, query: Query, now: datetime, faults: Sequence[Fault]) -> Body:
        if query.function == "TIME_SERIES_DAILY" and not any(fault.kind in DATA_FAULTS for fault in faults):
            return self._kept_body(query, self._market.visible_minute(now))
        return answer(query, self._market, now, faults)

    def _daily_body(self, query: Query, now: datetime) -> Body:
        return answer(query, self._market, now)
