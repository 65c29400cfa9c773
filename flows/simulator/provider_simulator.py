"""The other providers' protocols beside Alpha Vantage's, each under a path of its own: one line each."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from flows.simulator.alphavantage.plans import Window
from flows.simulator.bse import endpoints as bse
from flows.simulator.coingecko import endpoints as coingecko
from flows.simulator.faults import DATA_FAULTS, Fault, FaultKind
from flows.simulator.http_response import Answer, Delivery, failure
from flows.simulator.market.clock import Clock
from flows.simulator.market.market import Market
from flows.simulator.massive import s3_endpoint as massive
from flows.simulator.yahoo import endpoints as yahoo

_MINUTE = 60.0


@dataclass(frozen=True)
class HttpCall:
    """One request: header names in lower case, `url` as the caller wrote it."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    url: str


@dataclass(frozen=True)
class Surroundings:
    """What a protocol answers from; `strike(function, symbol)` gives the faults of a request."""

    market: Market
    clock: Clock
    strike: Callable[[str, str], tuple[Fault, ...]]


class Speaker(Protocol):
    """One provider's protocol, below `prefix` (such as `/yahoo/`)."""

    prefix: str

    def function(self, call: HttpCall) -> tuple[str, str]:
        """The function and the symbol that the call asks for, by which faults are chosen."""

    def answer(self, call: HttpCall, faults: tuple[Fault, ...]) -> Answer:
        """The answer; `faults` are those of data (late bars, corrections ...)."""

    def too_many(self) -> Answer:
        """The provider's answer to a call above its rate."""


@dataclass
class Counter:
    """The calls of one protocol in the last minute; `calls_per_minute` None is no limit."""

    calls_per_minute: int | None
    served: int = 0
    refused: int = 0
    _minute: Window = field(default_factory=lambda: Window(_MINUTE))
    _lock: Lock = field(default_factory=Lock)

    def admit(self) -> bool:
        """Whether a call may pass; one that may not uses up nothing."""
        with self._lock:
            now = time.monotonic()
            if self.calls_per_minute is not None and self._minute.count(now) >= self.calls_per_minute:
                self.refused += 1
                return False
            self._minute.add(now)
            self.served += 1
            return True


def speak(speaker: Speaker, counter: Counter, around: Surroundings, call: HttpCall) -> Answer:
    """The speaker's answer, after its rate limit and the faults in force."""
    if not counter.admit():
        return speaker.too_many()
    faults = around.strike(*speaker.function(call))
    transport = next((fault for fault in faults if fault.kind not in DATA_FAULTS), None)
    if transport is not None and transport.kind is not FaultKind.TRUNCATED:
        return failure(transport, call.url, call.headers.get("authorization", ""))
    answer = speaker.answer(call, tuple(fault for fault in faults if fault.kind in DATA_FAULTS))
    if transport is None:
        return answer
    return Answer(answer.body, answer.content_type, answer.status, answer.headers, Delivery.CUT)


SPEAKERS: Mapping[str, Callable[[Surroundings], Speaker]] = {
    "yahoo": yahoo.YahooSpeaker,
    "bse": bse.BseSpeaker,
    "coingecko": coingecko.CoinGeckoSpeaker,
    "massive": massive.Massive,
}
