"""The call store of one machine: one SQLite file per key, shared by all processes."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, cast

from filelock import FileLock
from pyrate_limiter import RateItem, SQLiteBucket

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import RateLimit
from flows.handlers.rate_limit.call_store import RECOVERED, extra_retention_ms, to_rates

_LOCK_TIMEOUT_SECONDS: Final = 30.0
_ADD: Final = "INSERT INTO rate_bucket (name, item_timestamp) VALUES (?, ?)"
_CLAMP: Final = "UPDATE rate_bucket SET item_timestamp = ? WHERE item_timestamp > ?"
_LOG: Final = logging.getLogger(__name__)
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
        _set_aside_if_damaged(path)
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

    def add_past(self, times_ms: Sequence[int]) -> None:
        """Records calls that were made, whatever the limits say."""
        rows = [(RECOVERED, time_ms) for time_ms in times_ms]
        self._bucket.conn.executemany(_ADD, rows).close()
        self._bucket.conn.commit()

    def clamp(self, latest_ms: int) -> None:
        """Dates calls that seem to be later than this instant at it."""
        self._bucket.conn.execute(_CLAMP, (latest_ms, latest_ms)).close()
        self._bucket.conn.commit()

    def has_neighbours(self) -> bool:
        """Whether there are files of other keys of the same provider, which is the name's first part."""
        provider = self.path.name.partition("-")[0]
        return any(file != self.path for file in self.path.parent.glob(f"{provider}-*.sqlite"))

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


def _set_aside_if_damaged(path: Path) -> None:
    """Renames a file that SQLite cannot read, so that a new one takes its place; what it held is not lost."""
    if not path.exists():
        return
    with FileLock(f"{path}.lock", timeout=_LOCK_TIMEOUT_SECONDS):
        if not _is_sound(path):
            _set_aside(path)


def _set_aside(path: Path) -> None:
    aside = path.with_name(f"{path.name}.damaged-{round(time.time())}")
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{aside}{suffix}")
    _LOG.warning(
        "The count of calls in %s was damaged and is now in %s. A new one begins with the calls that the "
        "lake shows.",
        path,
        aside,
    )


def _is_sound(path: Path) -> bool:
    """Whether SQLite finds no fault in the file.

    Raises:
        sqlite3.OperationalError: it cannot be opened.
    """
    with closing(sqlite3.connect(path, timeout=_LOCK_TIMEOUT_SECONDS)) as connection:
        try:
            return bool(connection.execute("PRAGMA quick_check").fetchone() == ("ok",))
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return False


def file_error(path: Path, problem: Exception) -> ProviderError:
    """The problem with the file as a ProviderError that says what to do."""
    return ProviderError(
        ErrorClass.unavailable,
        expected=f"to use the call store {path}",
        found=f"{type(problem).__name__}: {problem}",
        remedy="make the folder writable, or set another state_dir",
    )
