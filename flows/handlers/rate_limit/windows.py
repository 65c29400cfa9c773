"""Call windows: how many calls a limit still allows, and when the next call may be made.

Vendors do not document at which instant a daily or monthly quota renews, so all windows slide: at most 25
calls in any 24 hours are at most 25 in every calendar day of 24 hours, in any time zone, and also under a
sliding rule. A sliding day does not cover the calendar day of 25 hours: see `RateLimit.zone`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from pyrate_limiter import Rate

from flows.handlers.errors import ProviderError
from flows.handlers.models import RateLimit

DAY_SECONDS: Final = 24 * 60 * 60.0

_CLOCK_CHANGE_MS: Final = 2 * 60 * 60 * 1000

# The longest calendar month: one of 31 days in which clocks go back.
MONTH_SECONDS: Final = 31 * DAY_SECONDS + 60 * 60.0


@dataclass(frozen=True)
class SharedCallStore:
    """A PostgreSQL database in which the workers of all machines record their calls; the URL is a secret."""

    database_url: str = field(repr=False)


@dataclass(frozen=True)
class CallStoreTable:
    """The table of one provider and key in a shared call store; the URL is a secret."""

    database_url: str = field(repr=False)
    name: str


@dataclass(frozen=True)
class RemainingCalls:
    """What one limit allows at an instant: `calls` at once; the next call is possible at `next_at` (UTC)."""

    limit: RateLimit
    calls: int
    next_at: datetime


@dataclass(frozen=True)
class Forecast:
    """What each limit allows at `now`, and when the next calls could be made if nobody else called.

    All instants are in UTC.
    """

    now: datetime
    remaining: tuple[RemainingCalls, ...]
    call_times: tuple[datetime, ...]


class CallStore(Protocol):
    """The calls made with one key, in order of time; instants are epoch milliseconds."""

    def locked(self) -> AbstractContextManager[None]:
        """A context in which no other thread or process reads or records calls."""

    def now_ms(self) -> int:
        """The current time by the clock that all users of the store share."""

    def record(self, name: str, at_ms: int) -> bool:
        """Whether the sliding limits allowed the call; if so, it is recorded durably."""

    def call_times_ms(self) -> list[int]:
        """The times of the calls that any window may still contain, oldest first."""

    def error(self, problem: Exception) -> ProviderError | None:
        """The problem as a ProviderError; None if the store did not cause it."""

    def close(self) -> None:
        """Releases files and connections."""


def fingerprint(provider: str, api_key: str) -> str:
    """A name for a key that does not reveal it: 12 hex digits of a salted SHA-256."""
    return sha256(f"market-lakehouse:{provider}:{api_key}".encode()).hexdigest()[:12]


def call_store_for(home: Path | SharedCallStore, provider: str, api_key: str) -> Path | CallStoreTable:
    """Where the calls made with one key are stored: a file in the folder, or a table of the database."""
    name = f"{provider}-{fingerprint(provider, api_key)}"
    return home / f"{name}.sqlite" if isinstance(home, Path) else CallStoreTable(home.database_url, name)


def to_rates(limits: Sequence[RateLimit]) -> list[Rate]:
    """The limits as pyrate-limiter's rates, the shortest window first.

    Raises ValueError if one limit makes another pointless: a longer window must allow more calls, at a
    lower rate.
    """
    rates = sorted((Rate(limit.calls, window_ms(limit)) for limit in limits), key=lambda rate: rate.interval)
    for short, long in pairwise(rates):
        if short.limit >= long.limit or short.limit / short.interval < long.limit / long.interval:
            raise ValueError(
                f"A longer window must allow more calls at a lower rate; the limits are {short} and {long}."
            )
    return rates


def window_ms(limit: RateLimit) -> int:
    """The length of the window in milliseconds."""
    return round(limit.per_seconds * 1000)


def extra_retention_ms(limits: Sequence[RateLimit]) -> int:
    """How much longer than the longest window calls are kept: a calendar day can be an hour longer."""
    return _CLOCK_CHANGE_MS if any(limit.zone for limit in limits) else 0


def remaining_calls(
    limits: Sequence[RateLimit], call_times_ms: Sequence[int], now_ms: int
) -> tuple[RemainingCalls, ...]:
    """What each limit allows at `now_ms` after the calls at `call_times_ms` (epoch ms, ascending)."""
    return tuple(
        RemainingCalls(
            limit,
            max(0, limit.calls - _used(limit, call_times_ms, now_ms)),
            _instant(max(now_ms, _free_at_ms(limit, call_times_ms, now_ms))),
        )
        for limit in limits
    )


def next_call_ms(limits: Sequence[RateLimit], call_times_ms: Sequence[int], now_ms: int) -> int:
    """The first instant from `now_ms` on at which all limits allow a call."""
    at_ms = now_ms
    while (
        free_ms := max((_free_at_ms(limit, call_times_ms, at_ms) for limit in limits), default=at_ms)
    ) > at_ms:
        at_ms = free_ms
    return at_ms


def forecast(limits: Sequence[RateLimit], call_times_ms: Sequence[int], now_ms: int, count: int) -> Forecast:
    """What remains at `now_ms` after the calls at `call_times_ms`, and when `count` more could be made."""
    planned_ms, at_ms = list(call_times_ms), now_ms
    for _ in range(count):
        at_ms = next_call_ms(limits, planned_ms, at_ms)
        planned_ms.append(at_ms)
    times = tuple(_instant(time_ms) for time_ms in planned_ms[len(call_times_ms) :])
    return Forecast(_instant(now_ms), remaining_calls(limits, call_times_ms, now_ms), times)


def _used(limit: RateLimit, call_times_ms: Sequence[int], now_ms: int) -> int:
    """The number of calls that count at `now_ms`, including one made exactly a window ago."""
    in_window = sum(time_ms >= now_ms - window_ms(limit) for time_ms in call_times_ms)
    midnight_ms = _midnight_ms(limit, now_ms, days_ahead=0)
    if midnight_ms is None:
        return in_window
    return max(in_window, sum(time_ms >= midnight_ms for time_ms in call_times_ms))


def _free_at_ms(limit: RateLimit, call_times_ms: Sequence[int], at_ms: int) -> int:
    """When the limit next allows a call, as known at `at_ms`; at or before `at_ms` if it does already."""
    if len(call_times_ms) < limit.calls:
        return at_ms
    blocking_ms = call_times_ms[-limit.calls]
    free_ms = blocking_ms + window_ms(limit) + 1
    midnight_ms = _midnight_ms(limit, at_ms, days_ahead=0)
    if midnight_ms is not None and blocking_ms >= midnight_ms:
        free_ms = max(free_ms, _midnight_ms(limit, at_ms, days_ahead=1) or 0)
    return free_ms


def _midnight_ms(limit: RateLimit, at_ms: int, days_ahead: int) -> int | None:
    """The midnight that began the calendar day at `at_ms`, or a later one; None without a zone."""
    if limit.zone is None:
        return None
    zone = ZoneInfo(limit.zone)
    day = _instant(at_ms).astimezone(zone).date() + timedelta(days=days_ahead)
    return round(datetime.combine(day, time(), zone).timestamp() * 1000)


def _instant(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)
