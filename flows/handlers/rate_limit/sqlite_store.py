"""The ledger of one machine: a SQLite file a key, shared by all its processes."""

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
from flows.handlers.rate_limit.windows import kept_longer_ms, rates_of

_LOCK_TIMEOUT_SECONDS: Final = 30.0
_STAMPS: Final = "SELECT item_timestamp FROM rate_bucket ORDER BY item_timestamp"


class SqliteLedger:
    """Calls by wall clock in one file, under a file lock that ends with its holder.

    A call is on the disk before it is made: a process that is killed between the two has wasted a call,
    and nobody makes one too many.
    """

    def __init__(self, path: Path, limits: Sequence[RateLimit], now: Callable[[], float] = time.time) -> None:
        """`now` gives epoch seconds.

        Raises what `error` translates for a file that cannot be used, ValueError for limits that contradict
        each other.
        """
        self.path = path
        self._now = now
        self._kept_ms = kept_longer_ms(limits)
        rates = rates_of(limits)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._bucket = SQLiteBucket.init_from_file(rates, db_path=str(path), use_file_lock=True)
        # pyrate-limiter sets NORMAL, under which a loss of power forgets the last calls.
        self._bucket.conn.execute("PRAGMA synchronous=FULL").close()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Within it nobody else reads or counts; raises OSError (a timeout) where somebody holds on to it."""
        with cast(FileLock, self._bucket.lock).acquire(timeout=_LOCK_TIMEOUT_SECONDS):
            yield

    def now_ms(self) -> int:
        """The machine's wall clock."""
        return round(self._now() * 1000)

    def count(self, name: str, at_ms: int) -> bool:
        """Whether the sliding limits allowed the call; it then is counted, durably."""
        self._bucket.leak(at_ms - self._kept_ms)
        return self._bucket.put(RateItem(name, at_ms))

    def stamps(self) -> list[int]:
        """When the calls were made that any window may still hold, oldest first."""
        return [int(stamp) for (stamp,) in self._bucket.conn.execute(_STAMPS)]

    def error(self, problem: Exception) -> ProviderError | None:
        """What is wrong with the file, None for a problem that is not the file's."""
        return file_error(self.path, problem) if isinstance(problem, sqlite3.Error | OSError) else None

    def close(self) -> None:
        """Releases the file."""
        self._bucket.conn.close()


def open_sqlite(
    path: Path, limits: Sequence[RateLimit], now: Callable[[], float] = time.time
) -> SqliteLedger:
    """The ledger in this file, which is made where there is none.

    Raises ProviderError(unavailable) for a file that cannot be used.
    """
    try:
        return SqliteLedger(path, limits, now)
    except (sqlite3.Error, OSError) as problem:
        raise file_error(path, problem) from None


def file_error(path: Path, problem: Exception) -> ProviderError:
    """The problem with the ledger's file, with what to do."""
    return ProviderError(
        ErrorClass.unavailable,
        wanted=f"the record of calls made, {path}",
        found=f"{type(problem).__name__}: {problem}",
        remedy="make the folder writable; if the file is damaged, remove it (its calls are then "
        "forgotten, and the provider's own answers set the limit)",
    )
