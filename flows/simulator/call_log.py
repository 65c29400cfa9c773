"""Who has called how often: the proof that a client kept inside its quota."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from flows.simulator.alphavantage.plans import Window

_FINGERPRINT_DIGITS = 12


class Outcome(StrEnum):
    """What became of a call."""

    SERVED = "served"
    REFUSED = "refused"
    FAULTED = "faulted"


def fingerprint(api_key: str) -> str:
    """A name for a key that does not give it away: the start of its SHA-256; "none" for no key."""
    digest = hashlib.sha256(api_key.encode()).hexdigest()
    return digest[:_FINGERPRINT_DIGITS] if api_key else "none"


@dataclass
class KeyCalls:
    """The calls of one key, refused ones too."""

    _outcomes: Counter[Outcome] = field(default_factory=Counter)
    _days: Counter[date] = field(default_factory=Counter)
    _second: Window = field(default_factory=lambda: Window(1.0))
    _minute: Window = field(default_factory=lambda: Window(60.0))

    def add(self, outcome: Outcome, today: date, now_seconds: float) -> None:
        """Count a call on a day of the simulator's clock, at a reading of a real monotonic clock."""
        self._outcomes[outcome] += 1
        self._days[today] += 1
        self._second.add(now_seconds)
        self._minute.add(now_seconds)

    def summary(self) -> dict[str, int]:
        """The calls by outcome, and the most there were in a second, a minute and a day."""
        return {
            "calls": self._outcomes.total(),
            **{outcome.value: self._outcomes[outcome] for outcome in Outcome},
            "busiest_second": self._second.busiest,
            "busiest_minute": self._minute.busiest,
            "busiest_day": max(self._days.values(), default=0),
        }
