"""Counts the calls of each API key, to show that a client stayed within its quota."""

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from threading import Lock

from flows.simulator.rate_counter import CallWindow

_FINGERPRINT_DIGITS = 12


class CallOutcome(StrEnum):
    """How a call ended."""

    SERVED = "served"
    REFUSED = "refused"
    FAULTED = "faulted"


@dataclass
class KeyCalls:
    """The calls of one API key, refused ones included."""

    _outcomes: Counter[CallOutcome] = field(default_factory=Counter)
    _days: Counter[date] = field(default_factory=Counter)
    _second: CallWindow = field(default_factory=lambda: CallWindow(1.0))
    _minute: CallWindow = field(default_factory=lambda: CallWindow(60.0))

    def add(self, outcome: CallOutcome, today: date, now_seconds: float) -> None:
        """Count a call; `today` is by the simulator's clock, `now_seconds` reads a real monotonic clock."""
        self._outcomes[outcome] += 1
        self._days[today] += 1
        self._second.add(now_seconds)
        self._minute.add(now_seconds)

    def summary(self) -> dict[str, int]:
        """The number of calls by outcome, and the highest number in one second, minute and day."""
        return {
            "calls": self._outcomes.total(),
            **{outcome.value: self._outcomes[outcome] for outcome in CallOutcome},
            "busiest_second": self._second.busiest,
            "busiest_minute": self._minute.busiest,
            "busiest_day": max(self._days.values(), default=0),
        }


@dataclass
class CallLog:
    """The calls of all API keys; safe to use from many threads. It stores fingerprints, never keys."""

    _calls: defaultdict[str, KeyCalls] = field(default_factory=lambda: defaultdict(KeyCalls))
    _lock: Lock = field(default_factory=Lock)

    def add(self, api_key: str, outcome: CallOutcome, today: date, now_seconds: float) -> None:
        """Count a call of this key."""
        with self._lock:
            self._calls[key_fingerprint(api_key)].add(outcome, today, now_seconds)

    def summary(self) -> dict[str, object]:
        """Total calls by outcome, and under `keys` the summary of each key by its fingerprint."""
        with self._lock:
            by_key = {name: calls.summary() for name, calls in self._calls.items()}
        totals = {
            name: sum(key_summary[name] for key_summary in by_key.values())
            for name in ("calls", *(outcome.value for outcome in CallOutcome))
        }
        return {**totals, "keys": by_key}


def key_fingerprint(api_key: str) -> str:
    """The first digits of the key's SHA-256, which identify it without revealing it; "none" for no key."""
    digest = hashlib.sha256(api_key.encode()).hexdigest()
    return digest[:_FINGERPRINT_DIGITS] if api_key else "none"
