"""The call store of one machine: one SQLite file per key, shared by all processes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

from filelock import FileLock
from pyrate_limiter import RateItem, SQLiteBucket

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import RateLimit
from flows.handlers.rate_limit.call_store import extra_retention_ms, to_rates

_LOCK_TIMEOUT_SECONDS: Final = 30.0
_CALL_TIMES: Final = "SELECT item_timestamp FROM rate_bucket ORDER BY item_timestamp"


class SqliteCallStore:
    """Calls in one file, dated by the machine's clock; a file lock protects it and ends with its holder.

    A call is on disk before it is made: a process that is killed in between has wasted a call, and the
    limit is never exceeded.
    """

    def __init__(self, path: Path, limits: Sequence[RateLimit], now: Callable[[], float] = time.time) -> None:
        """Opens or creates the file; `now` returns epoch seconds.

        Raises what `error` translates if the file cannot be used, ValueError if the limits contradict each
        other.
        """
        self.path = path
        self._now = now
        self._kept_ms = extra_retention_ms(limits)
        rates = to_rates(limits)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._bucket = SQLiteBucket.init_from_file(rates, db_path=str(path), use_file_lock=True)
        # pyrate-limiter sets NORMAL, under which a loss of power forgets the last calls.
        self._bucket.conn.execute("PRAGMA synchronous=FULL").close()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """A context in which no other thread or process reads or records; raises OSError after 30 s."""
        with cast(FileLock, self._bucket.lock).acquire(timeout=_LOCK_TIMEOUT_SECONDS):
            yield

    def now_ms(self) -> int:
        """The machine's clock."""
        return round(self._now() * 1000)

    def record(self, name: str, at_ms: int) -> bool:
        """Whether the sliding limits allowed the call; if so, it is recorded durably."""
        self._bucket.leak(at_ms - self._kept_ms)
        return self._bucket.put(RateItem(name, at_ms))

    def call_times_ms(self) -> list[int]:
        """The times of the calls that any window may still contain, oldest first."""
        return [int(time_ms) for (time_ms,) in self._bucket.conn.execute(_CALL_TIMES)]

    def error(self, problem: Exception) -> ProviderError | None:
        """The problem as a ProviderError; None if the file did not cause it."""
        return file_error(self.path, problem) if isinstance(problem, sqlite3.Error | OSError) else None

    def close(self) -> None:
        """Releases the file."""
        self._bucket.conn.close()


def open_sqlite_store(
    path: Path, limits: Sequence[RateLimit], now: Callable[[], float] = time.time
) -> SqliteCallStore:
    """The call store in this file, which is created if it does not exist.

    Raises ProviderError(unavailable) if the file cannot be used.
    """
    try:
        return SqliteCallStore(path, limits, now)
    except (sqlite3.Error, OSError) as problem:
        raise file_error(path, problem) from None


def file_error(path: Path, problem: Exception) -> ProviderError:
    """The problem with the file as a ProviderError that says what to do."""
    return ProviderError(
        ErrorClass.unavailable,
        expected=f"to use the call store {path}",
        found=f"{type(problem).__name__}: {problem}",
        remedy="make the folder writable; if the file is damaged, delete it (its calls are then "
        "forgotten, and the provider's own responses set the limit)",
    )
