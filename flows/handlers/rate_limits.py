"""A provider's limits, kept over restarts and shared by every process of one machine."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final, cast

from filelock import FileLock
from pyrate_limiter import Rate, RateItem, SQLiteBucket

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.records import RateLimit

_LOCK_TIMEOUT_SECONDS: Final = 30.0


def fingerprint(provider: str, api_key: str) -> str:
    """Names a key in a file name without telling it: 12 hex digits of a salted SHA-256."""
    return sha256(f"market-lakehouse:{provider}:{api_key}".encode()).hexdigest()[:12]


class RateGate:
    """Lets a call through when all limits allow it.

    The calls made are kept in one SQLite file a provider and key, by wall clock and under a file lock:
    processes share it and a restart forgets nothing. A denied call uses up no window.
    """

    def __init__(
        self,
        path: Path,
        limits: Sequence[RateLimit],
        *,
        max_wait_seconds: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`now` gives epoch seconds. Without limits the gate is open and no file is written.

        Raises ProviderError(unavailable) for a file that cannot be used, ValueError for limits of which
        one makes another pointless (a longer window must allow more calls at a lower rate).
        """
        self.path = path
        self._max_wait_seconds = max_wait_seconds
        self._sleep = sleep
        self._now = now
        self._thread_lock = Lock()
        with self._state_errors():
            self._bucket = _open_bucket(path, limits) if limits else None

    @classmethod
    def for_key(
        cls,
        folder: Path,
        provider: str,
        api_key: str,
        limits: Sequence[RateLimit],
        *,
        max_wait_seconds: float = 60.0,
    ) -> RateGate:
        """The gate of one provider and key, its file in `folder`."""
        path = folder / f"{provider}-{fingerprint(provider, api_key)}.sqlite"
        return cls(path, limits, max_wait_seconds=max_wait_seconds)

    def acquire(self, name: str) -> None:
        """Returns when the call `name` may be made; it then counts.

        Sleeps through short waits. Raises ProviderError(quota_exhausted) at once, saying when a call is
        next possible, where the wait would be longer than `max_wait_seconds`.
        """
        while (wait_seconds := self._try(name)) > 0:
            if wait_seconds > self._max_wait_seconds:
                raise self._exhausted(name, wait_seconds)
            self._sleep(wait_seconds)

    def close(self) -> None:
        """Releases the file."""
        if self._bucket is not None:
            self._bucket.conn.close()

    def _try(self, name: str) -> float:
        """0 when the call has been let through and counted, else seconds to wait."""
        bucket = self._bucket
        if bucket is None:
            return 0.0
        file_lock = cast(FileLock, bucket.lock)
        with self._thread_lock, self._state_errors(), file_lock.acquire(timeout=_LOCK_TIMEOUT_SECONDS):
            # The time is read under the lock: waiting for the lock must not date the call back.
            item = RateItem(name, round(self._now() * 1000))
            bucket.leak(item.timestamp)
            if bucket.put(item):
                return 0.0
            # Never 0: pyrate-limiter answers that when the clock has just passed the end of the window.
            return max(1, cast(int, bucket.waiting(item))) / 1000

    def _exhausted(self, name: str, wait_seconds: float) -> ProviderError:
        next_at = datetime.fromtimestamp(self._now() + wait_seconds, UTC).isoformat(timespec="seconds")
        return ProviderError(
            ErrorClass.quota_exhausted,
            wanted=f"a call to {name} within {self._max_wait_seconds:g} s",
            found=f"its limits used up, the next call being possible at {next_at}",
            retry_after_seconds=wait_seconds,
        )

    @contextmanager
    def _state_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as problem:
            raise ProviderError(
                ErrorClass.unavailable,
                wanted=f"the record of calls made, {self.path}",
                found=f"{type(problem).__name__}: {problem}",
                remedy="make the folder writable; if the file is damaged, remove it (its calls are then "
                "forgotten, and the provider's own answers set the limit)",
            ) from None


def _open_bucket(path: Path, limits: Sequence[RateLimit]) -> SQLiteBucket:
    path.parent.mkdir(parents=True, exist_ok=True)
    rates = [Rate(limit.calls, round(limit.per_seconds * 1000)) for limit in limits]
    return SQLiteBucket.init_from_file(rates, db_path=str(path), use_file_lock=True)
