"""Call stores: where the calls made with a key are recorded, and what a store must be able to do."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Final, Protocol

from pyrate_limiter import Rate

from flows.handlers.errors import ProviderError
from flows.handlers.models import RateLimit
from flows.handlers.rate_limit.windows import window_ms

RECOVERED: Final = "recovered"  # the name of calls that were recorded later
_CLOCK_CHANGE_MS: Final = 2 * 60 * 60 * 1000


@dataclass(frozen=True)
class SharedCallStore:
    """A PostgreSQL database in which the workers of all machines record their calls; the URL is a secret."""

    database_url: str = field(repr=False)


@dataclass(frozen=True)
class CallStoreTable:
    """The table of one provider and key in a shared call store; the URL is a secret."""

    database_url: str = field(repr=False)
    name: str


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

    def add_past(self, times_ms: Sequence[int]) -> None:
        """Records calls that were made, whatever the limits say."""

    def clamp(self, latest_ms: int) -> None:
        """Dates calls that seem to be later than this instant at it."""

    def has_neighbours(self) -> bool:
        """Whether calls made with another key of the same provider are recorded beside these."""

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


def extra_retention_ms(limits: Sequence[RateLimit]) -> int:
    """How much longer than the longest window calls are kept: a calendar day can be an hour longer."""
    return _CLOCK_CHANGE_MS if any(limit.zone for limit in limits) else 0
