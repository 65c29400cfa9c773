"""The simulator without its sockets: admits, serves or fails a call, and keeps count."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from threading import Lock

from flows.simulator import messages
from flows.simulator.clock import Clock
from flows.simulator.faults import DATA_FAULTS, Fault, FaultKind, FaultPlan
from flows.simulator.market import Market
from flows.simulator.meter import KeyCalls, Outcome, fingerprint
from flows.simulator.plans import PLANS, PlanName, Quota, entitlement_refusal
from flows.simulator.protocol import Body, Query, answer, read_query
from flows.simulator.sessions import NEW_YORK

_KEPT_BODIES = 1200  # two sizes of every daily history; about 40 MB
_HTML_TYPE = "text/html; charset=utf-8"
_TEXT_TYPE = "text/plain; charset=utf-8"
_MAINTENANCE_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Maintenance</title></head>"
    b"<body><h1>We will be back soon</h1><p>The service is under maintenance.</p></body></html>\n"
)


class Delivery(StrEnum):
    """How an answer reaches the caller."""

    WHOLE = "whole"
    CUT = "cut"  # half of it, then the connection closes
    SILENT = "silent"  # nothing for a while, then the connection closes


@dataclass(frozen=True)
class Answer:
    """An HTTP answer to be delivered."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    delivery: Delivery = Delivery.WHOLE
    silent_seconds: float = 0.0


@dataclass(frozen=True)
class SimulatorConfig:
    """What a simulator is started with; a clock of None is real time, port 0 any free port."""

    plan: PlanName = PlanName.UNMETERED
    clock: datetime | None = None
    faults: tuple[Fault, ...] = ()
    seed: int = 0
    port: int = 0


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
            return _FAILURES[transport.kind](transport, url, api_key)
        body = self._body(query, now, faults)
        headers = (("X-Simulated", "true"),) if body.is_simulated else ()
        delivery = Delivery.WHOLE if transport is None else Delivery.CUT
        return Answer(body.content, body.content_type, headers=headers, delivery=delivery)

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
        return {"now": self.clock.now().isoformat(), **totals, "keys": by_key}

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


def _too_many(fault: Fault, _url: str, _key: str) -> Answer:
    headers = (("Retry-After", f"{fault.seconds:.0f}"),)
    return Answer(b"Too Many Requests", _TEXT_TYPE, status=429, headers=headers)


def _unavailable(_fault: Fault, _url: str, _key: str) -> Answer:
    return Answer(b"Service Unavailable", _TEXT_TYPE, status=503)


def _silence(fault: Fault, _url: str, _key: str) -> Answer:
    return Answer(b"", delivery=Delivery.SILENT, silent_seconds=fault.seconds)


def _page(_fault: Fault, _url: str, _key: str) -> Answer:
    return Answer(_MAINTENANCE_PAGE, _HTML_TYPE)


def _echo(fault: Fault, url: str, api_key: str) -> Answer:
    text = f"Internal error while answering {url} for the API key {api_key}."
    return Answer(messages.render({"Error Message": text}), status=fault.status)


_FAILURES: Mapping[FaultKind, Callable[[Fault, str, str], Answer]] = {
    FaultKind.HTTP_429: _too_many,
    FaultKind.HTTP_503: _unavailable,
    FaultKind.TIMEOUT: _silence,
    FaultKind.HTML: _page,
    FaultKind.ECHO_KEY: _echo,
}
