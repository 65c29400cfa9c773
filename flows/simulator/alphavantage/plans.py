"""The subscription plans: which data a key may request, and how often."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from flows.simulator.alphavantage import error_messages as messages
from flows.simulator.rate_counter import CallWindow

# A client that spaces its calls correctly must not be refused because one request arrived faster than the
# other.
_JITTER_SECONDS = 0.1
_SECOND = 1.0
_MINUTE = 60.0
_PREMIUM_FUNCTIONS = frozenset({"TIME_SERIES_INTRADAY", "FX_INTRADAY", "CRYPTO_INTRADAY"})


class PlanName(StrEnum):
    """The names of the plans."""

    FREE = "free"
    PREMIUM = "premium"
    UNMETERED = "unmetered"


@dataclass(frozen=True)
class SubscriptionPlan:
    """The limits of a key; None means no limit."""

    calls_per_day: int | None = None
    calls_per_minute: int | None = None
    calls_per_second: int | None = None
    has_premium_endpoints: bool = True


PLANS = {
    PlanName.FREE: SubscriptionPlan(calls_per_day=25, calls_per_second=1, has_premium_endpoints=False),
    PlanName.PREMIUM: SubscriptionPlan(calls_per_minute=75),
    PlanName.UNMETERED: SubscriptionPlan(),
}


@dataclass
class Quota:
    """The calls of one key that its plan has admitted."""

    _second: CallWindow = field(default_factory=lambda: CallWindow(_SECOND - _JITTER_SECONDS))
    _minute: CallWindow = field(default_factory=lambda: CallWindow(_MINUTE - _JITTER_SECONDS))
    _day: date | None = None
    _calls_today: int = 0

    def admit(
        self, plan: SubscriptionPlan, api_key: str, today: date, now_seconds: float
    ) -> dict[str, str] | None:
        """The refusal, or None if the call is admitted; a refused call does not use up the quota.

        `today` is the day in New York by the simulator's clock; `now_seconds` reads a real monotonic clock,
        so setting the simulator's clock does not affect the limits per second and minute.
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


def entitlement_refusal(plan: SubscriptionPlan, function: str, outputsize: str) -> dict[str, str] | None:
    """The refusal of a request that needs a premium key, or None."""
    if plan.has_premium_endpoints:
        return None
    if function in _PREMIUM_FUNCTIONS:
        return messages.PREMIUM_ENDPOINT
    if outputsize == "full":
        return messages.full_size_refused(function)
    return None


def _is_spent(limit: int | None, calls: int) -> bool:
    return limit is not None and calls >= limit
