"""What a key may ask for, and how often."""

from collections import deque
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from flows.simulator.alphavantage import error_messages as messages

# A client's correct spacing must not become a refusal because one of two requests was quicker on its way.
_JITTER_SECONDS = 0.1
_SECOND = 1.0
_MINUTE = 60.0
_PREMIUM_FUNCTIONS = frozenset({"TIME_SERIES_INTRADAY", "FX_INTRADAY", "CRYPTO_INTRADAY"})


class PlanName(StrEnum):
    """The plans on offer."""

    FREE = "free"
    PREMIUM = "premium"
    UNMETERED = "unmetered"


@dataclass(frozen=True)
class Plan:
    """Limits of a key: None is no limit."""

    calls_per_day: int | None = None
    calls_per_minute: int | None = None
    calls_per_second: int | None = None
    has_premium_endpoints: bool = True


PLANS = {
    PlanName.FREE: Plan(calls_per_day=25, calls_per_second=1, has_premium_endpoints=False),
    PlanName.PREMIUM: Plan(calls_per_minute=75),
    PlanName.UNMETERED: Plan(),
}


@dataclass
class Window:
    """The calls of the last `seconds`, and the most there ever were in such a stretch."""

    seconds: float
    busiest: int = 0
    _calls: deque[float] = field(default_factory=deque)

    def count(self, now_seconds: float) -> int:
        """How many calls the window holds at this reading of a monotonic clock."""
        while self._calls and self._calls[0] <= now_seconds - self.seconds:
            self._calls.popleft()
        return len(self._calls)

    def add(self, now_seconds: float) -> None:
        """Count a call."""
        self._calls.append(now_seconds)
        self.busiest = max(self.busiest, self.count(now_seconds))


@dataclass
class Quota:
    """The calls of one key that its plan has let through."""

    _second: Window = field(default_factory=lambda: Window(_SECOND - _JITTER_SECONDS))
    _minute: Window = field(default_factory=lambda: Window(_MINUTE - _JITTER_SECONDS))
    _day: date | None = None
    _calls_today: int = 0

    def admit(self, plan: Plan, api_key: str, today: date, now_seconds: float) -> dict[str, str] | None:
        """The refusal, or None when the call is let through; a refused call uses up nothing.

        `today` is the day in New York by the simulator's clock; `now_seconds` reads a real monotonic clock,
        so that setting the simulator's clock changes no rate.
        """
        if self._day != today:
            self._day, self._calls_today = today, 0
        if _is_spent(plan.calls_per_day, self._calls_today):
            return messages.daily_limit(api_key, self._calls_today)
        if _is_spent(plan.calls_per_second, self._second.count(now_seconds)):
            return messages.TOO_FAST
        if _is_spent(plan.calls_per_minute, in_minute := self._minute.count(now_seconds)):
            return messages.minute_limit(in_minute)
        self._calls_today += 1
        self._second.add(now_seconds)
        self._minute.add(now_seconds)
        return None


def entitlement_refusal(plan: Plan, function: str, outputsize: str) -> dict[str, str] | None:
    """The refusal of what only premium keys may ask for, or None."""
    if plan.has_premium_endpoints:
        return None
    if function in _PREMIUM_FUNCTIONS:
        return messages.PREMIUM_ENDPOINT
    if outputsize == "full":
        return messages.full_size_refused(function)
    return None


def _is_spent(limit: int | None, calls: int) -> bool:
    return limit is not None and calls >= limit
