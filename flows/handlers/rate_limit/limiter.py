"""The rate limiter: a provider's limits, kept over restarts and shared by processes or by all workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Final

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import RateLimit
from flows.handlers.rate_limit.call_store import (
    CallStore,
    CallStoreTable,
    SharedCallStore,
    call_store_for,
)
from flows.handlers.rate_limit.sqlite_store import open_sqlite_store
from flows.handlers.rate_limit.windows import Forecast, RemainingCalls, forecast, next_call_ms, window_ms
from flows.handlers.stop_signal import StopSignal

_MAX_SKEW_MS: Final = 5 * 60 * 1000


class RateLimiter:
    """Lets a call through when all limits allow it.

    The calls made are recorded in one call store per provider and key: a SQLite file, by the machine's
    clock, which its processes share, or a table in PostgreSQL, by the server's clock, which all workers
    share. Restarts do not reset the limits, and a denied call does not count. A call is recorded before it
    is made. Calls older than the longest window are deleted, so a smaller plan counts from its first use.
    """

    def __init__(
        self,
        location: Path | CallStoreTable,
        limits: Sequence[RateLimit],
        *,
        max_wait_seconds: float = 60.0,
        stop: StopSignal | None = None,
        sleep: Callable[[float], None] | None = None,
        now: Callable[[], float] | None = None,
    ) -> None:
        """Opens the call store; without limits every call passes and nothing is written.

        `stop` ends pauses. Tests replace the pauses by `sleep`, and the store's clock by `now` (epoch
        seconds).

        Raises ProviderError(unavailable) if the call store cannot be used, ValueError if one limit makes
        another pointless (a longer window must allow more calls at a lower rate).
        """
        self.location = location
        self.limits = tuple(limits)
        self.max_wait_seconds = max_wait_seconds
        self.stop = stop or StopSignal()
        self._sleep = sleep or self.stop.sleep
        self._thread_lock = Lock()
        self._store = _open_store(location, limits, now) if limits else None

    @classmethod
    def for_key(
        cls,
        home: Path | SharedCallStore,
        provider: str,
        api_key: str,
        limits: Sequence[RateLimit],
        *,
        max_wait_seconds: float = 60.0,
        stop: StopSignal | None = None,
    ) -> RateLimiter:
        """The limiter of one provider and key; its call store is a file in the folder or a table."""
        location = call_store_for(home, provider, api_key)
        return cls(location, limits, max_wait_seconds=max_wait_seconds, stop=stop)

    @property
    def name(self) -> str:
        """Whose calls are counted: the provider and the key's fingerprint, such as `bse-0123456789ab`."""
        return self.location.stem if isinstance(self.location, Path) else self.location.name

    @property
    def _place(self) -> str:
        is_file = isinstance(self.location, Path)
        return f"the file {self.location}" if is_file else f"the table {self.name} of the workers' database"

    def acquire(self, name: str) -> None:
        """Returns when the call `name` may be made; the call then counts.

        Sleeps through short pauses. Raises ProviderError(quota_exhausted) at once if the pause would be
        longer than `max_wait_seconds`, with the time of the next possible call; FetchStoppedError if the
        fetch is stopped.
        """
        self.stop.check()
        if self._store is None:
            return
        while (pause_ms := self._try(self._store, name)) is not None:
            at_ms, free_ms = pause_ms
            wait_seconds = (free_ms - at_ms) / 1000
            if wait_seconds > self.max_wait_seconds:
                raise self._exhausted(name, wait_seconds, free_ms)
            self._sleep(wait_seconds)

    def recover(self, past_calls: Callable[[datetime], Sequence[datetime]]) -> int:
        """Records calls that are known from elsewhere if none is recorded here, and returns how many.

        `past_calls` gives those since an instant (UTC). A store without calls was lost, or is new; if there
        are calls of another key of the same provider, it is new, and nothing is recorded.

        Raises ProviderError(unavailable) if the call store cannot be used.
        """
        store = self._store
        if store is None:
            return 0
        with self._thread_lock, _store_errors(store), store.locked():
            if store.call_times_ms() or store.has_neighbours():
                return 0
            now_ms = store.now_ms()
            since_ms = now_ms - max(window_ms(limit) for limit in self.limits)
            known = sorted(past_calls(datetime.fromtimestamp(since_ms / 1000, UTC)))
            times_ms = [min(now_ms, round(at.timestamp() * 1000)) for at in known]
            store.add_past(times_ms)
            return len(times_ms)

    def remaining(self) -> tuple[RemainingCalls, ...]:
        """What each limit allows now; asking does not count as a call."""
        return self.forecast(0).remaining

    def forecast(self, count: int) -> Forecast:
        """What remains now, and when `count` calls could be made; asking does not count as a call.

        Raises ProviderError(unavailable) if the call store cannot be read.
        """
        store = self._store
        if store is None:
            now = datetime.now(UTC)
            return Forecast(now, (), (now,) * count)
        with self._thread_lock, _store_errors(store), store.locked():
            at_ms = store.now_ms()
            times_ms = [min(time_ms, at_ms) for time_ms in store.call_times_ms()]
            return forecast(self.limits, times_ms, at_ms, count)

    def close(self) -> None:
        """Releases the call store."""
        if self._store is not None:
            self._store.close()

    def _try(self, store: CallStore, name: str) -> tuple[int, int] | None:
        """None if the call was allowed and recorded, otherwise the current time and when to try again."""
        with self._thread_lock, _store_errors(store), store.locked():
            # Read the clock under the lock: time spent waiting for the lock must not date the call back.
            at_ms = _clamped_now_ms(store)
            has_calendar_limit = any(limit.zone for limit in self.limits)
            free_ms = next_call_ms(self.limits, store.call_times_ms(), at_ms) if has_calendar_limit else at_ms
            if free_ms <= at_ms and store.record(name, at_ms):
                return None
            free_ms = next_call_ms(self.limits, store.call_times_ms(), at_ms)
            return at_ms, max(at_ms + 1, free_ms)

    def _exhausted(self, name: str, wait_seconds: float, free_ms: int) -> ProviderError:
        next_at = datetime.fromtimestamp(free_ms / 1000, UTC).isoformat(timespec="seconds")
        return ProviderError(
            ErrorClass.quota_exhausted,
            expected=f"to call {name} within {self.max_wait_seconds:g} s",
            found=f"rate limit exhausted; next call possible at {next_at} (calls are counted in "
            f"{self._place})",
            retry_after_seconds=wait_seconds,
        )


def _clamped_now_ms(store: CallStore) -> int:
    """The store's time; calls that seem to be minutes later were dated by a wrong clock, and count as now."""
    at_ms = store.now_ms()
    if max(store.call_times_ms(), default=at_ms) > at_ms + _MAX_SKEW_MS:
        store.clamp(at_ms)
    return at_ms


def _open_store(
    location: Path | CallStoreTable, limits: Sequence[RateLimit], now: Callable[[], float] | None
) -> CallStore:
    if isinstance(location, Path):
        return open_sqlite_store(location, limits, now or time.time)
    with _driver_errors():
        from flows.handlers.rate_limit.postgres_store import (  # noqa: PLC0415 - needs psycopg
            open_postgres_store,
        )
    return open_postgres_store(location, limits, now)


@contextmanager
def _store_errors(store: CallStore) -> Iterator[None]:
    try:
        yield
    except Exception as problem:
        error = store.error(problem)
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
            expected="the PostgreSQL driver, because LEDGER_DATABASE_URL is set",
            found=f"{type(missing).__name__}: {missing}",
            remedy="install the packages with `make install`, or unset LEDGER_DATABASE_URL",
        ) from None
