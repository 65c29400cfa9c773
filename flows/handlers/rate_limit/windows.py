"""What a ledger of calls is, and what it says: how many calls are left, and when the next may be made.

Vendors do not document at which instant a daily or monthly quota renews. All windows slide: at most 25
calls in any 24 hours are at most 25 in every calendar day of 24 hours, whatever the zone, and under a
sliding rule too. What a sliding day does not cover is the calendar day of 25 hours: see `RateLimit.zone`.
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
class SharedLedger:
    """A PostgreSQL database that keeps the calls of all workers, on whatever machine; the URL is a secret."""

    database_url: str = field(repr=False)


@dataclass(frozen=True)
class LedgerTable:
    """The calls made with one key in a database shared by all workers; the URL is a secret."""

    database_url: str = field(repr=False)
    name: str


@dataclass(frozen=True)
class CallsLeft:
    """What one limit allows at an instant: so many calls at once, the next one at `next_at` (UTC)."""

    limit: RateLimit
    calls: int
    next_at: datetime


@dataclass(frozen=True)
class Forecast:
    """What each limit allows at `now`, and when calls could be made, one after the other, were nobody else
    to call; all in UTC.
    """

    now: datetime
    left: tuple[CallsLeft, ...]
    call_times: tuple[datetime, ...]


class Ledger(Protocol):
    """The calls made with one key, in order of time; instants are epoch milliseconds."""

    def locked(self) -> AbstractContextManager[None]:
        """Within it nobody else, of whatever process, reads or counts."""

    def now_ms(self) -> int:
        """The present by the clock that all who share the ledger go by."""

    def count(self, name: str, at_ms: int) -> bool:
        """Whether the sliding limits allowed the call; it then is counted, durably."""

    def stamps(self) -> list[int]:
        """When the calls were made that any window may still hold, oldest first."""

    def error(self, problem: Exception) -> ProviderError | None:
        """What is wrong with the ledger, None for a problem that is not the ledger's."""

    def close(self) -> None:
        """Releases files and connections."""


def fingerprint(provider: str, api_key: str) -> str:
    """Names a key in a file name without telling it: 12 hex digits of a salted SHA-256."""
    return sha256(f"market-lakehouse:{provider}:{api_key}".encode()).hexdigest()[:12]


def ledger_of(home: Path | SharedLedger, provider: str, api_key: str) -> Path | LedgerTable:
    """Where the calls made with one key are kept: a file in the folder, or a table of the database."""
    name = f"{provider}-{fingerprint(provider, api_key)}"
    return home / f"{name}.sqlite" if isinstance(home, Path) else LedgerTable(home.database_url, name)


def rates_of(limits: Sequence[RateLimit]) -> list[Rate]:
    """The limits as pyrate-limiter has them, the shortest window first.

    Raises ValueError for limits of which one makes another pointless: a longer window must allow more
    calls, at a lower rate.
    """
    rates = sorted((Rate(limit.calls, window_ms(limit)) for limit in limits), key=lambda rate: rate.interval)
    for short, long in pairwise(rates):
        if short.limit >= long.limit or short.limit / short.interval < long.limit / long.interval:
            raise ValueError(f"wanted a longer window with more calls at a lower rate; found {short}, {long}")
    return rates


def window_ms(limit: RateLimit) -> int:
    """The length of the window in milliseconds."""
    return round(limit.per_seconds * 1000)


def kept_longer_ms(limits: Sequence[RateLimit]) -> int:
    """How much longer than the longest window calls are kept: a calendar day can have an hour more."""
    return _CLOCK_CHANGE_MS if any(limit.zone for limit in limits) else 0


def calls_left(limits: Sequence[RateLimit], stamps: Sequence[int], now_ms: int) -> tuple[CallsLeft, ...]:
    """What each limit allows at `now_ms` after the calls at `stamps` (epoch milliseconds, ascending)."""
    return tuple(
        CallsLeft(
            limit,
            max(0, limit.calls - _used(limit, stamps, now_ms)),
            _instant(max(now_ms, _free_at_ms(limit, stamps, now_ms))),
        )
        for limit in limits
    )


def next_call_ms(limits: Sequence[RateLimit], stamps: Sequence[int], now_ms: int) -> int:
    """The first instant from `now_ms` on at which all limits allow a call."""
    at_ms = now_ms
    while (free_ms := max((_free_at_ms(each, stamps, at_ms) for each in limits), default=at_ms)) > at_ms:
        at_ms = free_ms
    return at_ms


def forecast(limits: Sequence[RateLimit], stamps: Sequence[int], now_ms: int, count: int) -> Forecast:
    """What is left at `now_ms` after the calls at `stamps`, and when `count` more could be made."""
    made, at_ms = list(stamps), now_ms
    for _ in range(count):
        at_ms = next_call_ms(limits, made, at_ms)
        made.append(at_ms)
    times = tuple(_instant(stamp) for stamp in made[len(stamps) :])
    return Forecast(_instant(now_ms), calls_left(limits, stamps, now_ms), times)


def _used(limit: RateLimit, stamps: Sequence[int], now_ms: int) -> int:
    """The calls that count at `now_ms`; one exactly a window ago still does."""
    in_window = sum(stamp >= now_ms - window_ms(limit) for stamp in stamps)
    midnight_ms = _midnight_ms(limit, now_ms, days_on=0)
    return in_window if midnight_ms is None else max(in_window, sum(stamp >= midnight_ms for stamp in stamps))


def _free_at_ms(limit: RateLimit, stamps: Sequence[int], at_ms: int) -> int:
    """When the limit allows a call again, for all it knows at `at_ms`; `at_ms` or earlier: it does."""
    if len(stamps) < limit.calls:
        return at_ms
    blocking_ms = stamps[-limit.calls]
    free_ms = blocking_ms + window_ms(limit) + 1
    midnight_ms = _midnight_ms(limit, at_ms, days_on=0)
    if midnight_ms is not None and blocking_ms >= midnight_ms:
        free_ms = max(free_ms, _midnight_ms(limit, at_ms, days_on=1) or 0)
    return free_ms


def _midnight_ms(limit: RateLimit, at_ms: int, days_on: int) -> int | None:
    """The midnight that began the calendar day at `at_ms`, or a later one; None without a zone."""
    if limit.zone is None:
        return None
    zone = ZoneInfo(limit.zone)
    day = _instant(at_ms).astimezone(zone).date() + timedelta(days=days_on)
    return round(datetime.combine(day, time(), zone).timestamp() * 1000)


def _instant(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)
