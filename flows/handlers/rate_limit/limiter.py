"""A provider's limits, kept over restarts and shared by every process of one machine, or by all workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import RateLimit
from flows.handlers.rate_limit.sqlite_store import open_sqlite
from flows.handlers.rate_limit.windows import (
    CallsLeft,
    Forecast,
    Ledger,
    LedgerTable,
    SharedLedger,
    fingerprint,
    forecast,
    ledger_of,
    next_call_ms,
)

__all__ = ["CallsLeft", "Forecast", "RateLimiter", "SharedLedger", "fingerprint"]


class RateLimiter:
    """Lets a call through when all limits allow it.

    The calls made are kept in a ledger a provider and key: one SQLite file, by wall clock, which the
    machine's processes share, or a table in PostgreSQL, by its clock, which all workers share. A restart
    forgets nothing, and a denied call uses up no window. A call is counted before it is made. Calls older
    than the longest window of the limits given are forgotten: a smaller plan counts from its first use on.
    """

    def __init__(
        self,
        path: Path | LedgerTable,
        limits: Sequence[RateLimit],
        *,
        max_wait_seconds: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] | None = None,
    ) -> None:
        """`now` gives epoch seconds, in place of the ledger's clock. Without limits the limiter is open and
        nothing is written.

        Raises ProviderError(unavailable) for a ledger that cannot be used, ValueError for limits of which
        one makes another pointless (a longer window must allow more calls at a lower rate).
        """
        self.path = path
        self.limits = tuple(limits)
        self.max_wait_seconds = max_wait_seconds
        self._sleep = sleep
        self._thread_lock = Lock()
        self._ledger = _open_ledger(path, limits, now) if limits else None

    @classmethod
    def for_key(
        cls,
        folder: Path | SharedLedger,
        provider: str,
        api_key: str,
        limits: Sequence[RateLimit],
        *,
        max_wait_seconds: float = 60.0,
    ) -> RateLimiter:
        """The limiter of one provider and key, its ledger a file in `folder` or a table of the database."""
        return cls(ledger_of(folder, provider, api_key), limits, max_wait_seconds=max_wait_seconds)

    @property
    def name(self) -> str:
        """Whose calls are counted: the provider and the key's fingerprint, such as `bse-0123456789ab`."""
        return self.path.stem if isinstance(self.path, Path) else self.path.name

    def acquire(self, name: str) -> None:
        """Returns when the call `name` may be made; it then counts.

        Sleeps through short waits. Raises ProviderError(quota_exhausted) at once, saying when a call is
        next possible, where the wait would be longer than `max_wait_seconds`.
        """
        if self._ledger is None:
            return
        while (next_ms := self._try(self._ledger, name)) is not None:
            at_ms, free_ms = next_ms
            wait_seconds = (free_ms - at_ms) / 1000
            if wait_seconds > self.max_wait_seconds:
                raise self._exhausted(name, wait_seconds, free_ms)
            self._sleep(wait_seconds)

    def remaining(self) -> tuple[CallsLeft, ...]:
        """What each limit allows now, none of it used up by asking."""
        return self.forecast(0).left

    def forecast(self, count: int) -> Forecast:
        """What is left now, and when `count` calls could be made; nothing is used up by asking.

        Raises ProviderError(unavailable) for a ledger that cannot be read.
        """
        ledger = self._ledger
        if ledger is None:
            now = datetime.now(UTC)
            return Forecast(now, (), (now,) * count)
        with self._thread_lock, _ledger_errors(ledger), ledger.locked():
            return forecast(self.limits, ledger.stamps(), ledger.now_ms(), count)

    def close(self) -> None:
        """Releases the ledger."""
        if self._ledger is not None:
            self._ledger.close()

    def _try(self, ledger: Ledger, name: str) -> tuple[int, int] | None:
        """None when the call has been let through and counted, else now and when to try again."""
        with self._thread_lock, _ledger_errors(ledger), ledger.locked():
            # The time is read under the lock: waiting for the lock must not date the call back.
            at_ms = ledger.now_ms()
            is_by_calendar = any(limit.zone for limit in self.limits)
            free_ms = next_call_ms(self.limits, ledger.stamps(), at_ms) if is_by_calendar else at_ms
            if free_ms <= at_ms and ledger.count(name, at_ms):
                return None
            free_ms = next_call_ms(self.limits, ledger.stamps(), at_ms)
            return at_ms, max(at_ms + 1, free_ms)

    def _exhausted(self, name: str, wait_seconds: float, free_ms: int) -> ProviderError:
        next_at = datetime.fromtimestamp(free_ms / 1000, UTC).isoformat(timespec="seconds")
        return ProviderError(
            ErrorClass.quota_exhausted,
            wanted=f"a call to {name} within {self.max_wait_seconds:g} s",
            found=f"its limits used up, the next call being possible at {next_at}",
            retry_after_seconds=wait_seconds,
        )


def _open_ledger(
    place: Path | LedgerTable, limits: Sequence[RateLimit], now: Callable[[], float] | None
) -> Ledger:
    if isinstance(place, Path):
        return open_sqlite(place, limits, now or time.time)
    with _driver_errors():
        from flows.handlers.rate_limit.postgres_store import open_postgres  # noqa: PLC0415 - needs psycopg
    return open_postgres(place, limits, now)


@contextmanager
def _ledger_errors(ledger: Ledger) -> Iterator[None]:
    try:
        yield
    except Exception as problem:
        error = ledger.error(problem)
        if error is None:
            raise
        raise error from None


@contextmanager
def _driver_errors() -> Iterator[None]:
    try:
        yield
    except ImportError as missing:
        raise ProviderError(
            ErrorClass.unavailable,
            wanted="the PostgreSQL driver, because LEDGER_DATABASE_URL is set",
            found=f"{type(missing).__name__}: {missing}",
            remedy="install the packages with `make install`, or unset LEDGER_DATABASE_URL",
        ) from None
