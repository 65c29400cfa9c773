"""The call store of all workers: one PostgreSQL table per key. Only this module needs psycopg."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from pyrate_limiter import PostgresBucket, RateItem

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import RateLimit
from flows.handlers.rate_limit.call_store import RECOVERED, CallStoreTable, extra_retention_ms, to_rates
from flows.handlers.transport.redaction import REDACTED

_CONNECT_TIMEOUT_SECONDS: Final = 10
_LOCK_TIMEOUT_MS: Final = 30_000

# pyrate-limiter stores timestamps without a zone, read in the session's zone: all sessions use UTC.
_OPTIONS: Final = f"-c timezone=UTC -c lock_timeout={_LOCK_TIMEOUT_MS} -c synchronous_commit=on"
_NOW: Final = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_ADD: Final = "INSERT INTO {table} (name, weight, item_timestamp) VALUES (%s, 1, %s)"
_CLAMP: Final = "UPDATE {table} SET item_timestamp = {latest} WHERE item_timestamp > {latest}"
_TABLES: Final = "SELECT count(*) FROM pg_tables WHERE tablename LIKE %s AND tablename <> %s"
_CALL_TIMES: Final = "SELECT (extract(epoch FROM item_timestamp) * 1000)::bigint FROM {table} ORDER BY 1"


class PostgresCallStore:
    """Calls dated by the database's clock; an advisory lock protects them and ends with its connection.

    The lock is our own because pyrate-limiter's bucket refuses a call while another worker is counting,
    cannot then say how long to wait, and lets two workers race to create the table. A call is committed
    before it is made: a worker that is killed in between has wasted a call, and the limit is never
    exceeded.
    """

    def __init__(
        self, table: CallStoreTable, limits: Sequence[RateLimit], now: Callable[[], float] | None = None
    ) -> None:
        """Opens or creates the table; `now` (epoch seconds) replaces the database's clock.

        Raises what `error` translates if the database cannot be used, ValueError if the limits contradict
        each other.
        """
        self._now = now
        self._kept_ms = extra_retention_ms(limits)
        name = table.name.replace("-", "_").lower()
        self._lock_id = int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)
        self._table_name = f"ratelimit___{name}"
        self._call_times = sql.SQL(_CALL_TIMES).format(table=sql.Identifier(self._table_name))
        rates = to_rates(limits)
        self._connection = _OneConnection(table.database_url)
        try:
            with self.locked():
                self._bucket = PostgresBucket(cast(Any, self._connection), name, rates)
        except psycopg.Error:
            self._connection.close()
            raise
        self._table = table

    @contextmanager
    def locked(self) -> Iterator[None]:
        """A context in which no other worker reads or records; raises psycopg.Error after 30 s."""
        connection = self._connection.get()
        connection.execute("SELECT pg_advisory_lock(%s)", (self._lock_id,))
        try:
            yield
        finally:
            if not connection.closed:
                connection.execute("SELECT pg_advisory_unlock(%s)", (self._lock_id,))

    def now_ms(self) -> int:
        """The database's clock, which all workers share."""
        if self._now is not None:
            return round(self._now() * 1000)
        return next(int(now) for (now,) in self._connection.get().execute(_NOW))

    def record(self, name: str, at_ms: int) -> bool:
        """Whether the sliding limits allowed the call; if so, it is recorded durably."""
        self._bucket.leak(at_ms - self._kept_ms)
        return bool(self._bucket.put(RateItem(name, at_ms)))

    def call_times_ms(self) -> list[int]:
        """The times of the calls that any window may still contain, oldest first."""
        return [int(time_ms) for (time_ms,) in self._connection.get().execute(self._call_times)]

    def add_past(self, times_ms: Sequence[int]) -> None:
        """Records calls that were made, whatever the limits say."""
        statement = sql.SQL(_ADD).format(table=sql.Identifier(self._table_name))
        with self._connection.connection() as connection, connection.cursor() as cursor:
            cursor.executemany(statement, [(RECOVERED, _utc(time_ms)) for time_ms in times_ms])

    def clamp(self, latest_ms: int) -> None:
        """Dates calls that seem to be later than this instant at it."""
        latest = sql.Literal(_utc(latest_ms))
        statement = sql.SQL(_CLAMP).format(table=sql.Identifier(self._table_name), latest=latest)
        self._connection.get().execute(statement)

    def has_neighbours(self) -> bool:
        """Whether there are tables of other keys of the same provider."""
        provider = self._table_name.rpartition("_")[0].replace("_", r"\_")
        found = self._connection.get().execute(_TABLES, (f"{provider}\\_%", self._table_name))
        return any(count for (count,) in found)

    def error(self, problem: Exception) -> ProviderError | None:
        """The problem as a ProviderError; None if the database did not cause it."""
        return database_error(self._table, problem) if isinstance(problem, psycopg.Error) else None

    def close(self) -> None:
        """Releases the connection."""
        self._connection.close()


def _utc(epoch_ms: int) -> datetime:
    """The instant as pyrate-limiter stores it, without a zone."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).replace(tzinfo=None)


class _OneConnection:
    """A pool of one connection, so that the lock and the bucket share it and end together."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._open: psycopg.Connection | None = None

    @property
    def closed(self) -> bool:
        return self._open is None or self._open.closed

    def get(self) -> psycopg.Connection:
        """The connection, opened again if it broke; each statement is its own transaction."""
        if self._open is None or self._open.closed:
            self._open = psycopg.connect(
                self._database_url,
                autocommit=True,
                connect_timeout=_CONNECT_TIMEOUT_SECONDS,
                options=_OPTIONS,
            )
        return self._open

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """The connection in one transaction."""
        connection = self.get()
        with connection.transaction():
            yield connection

    def close(self) -> None:
        if self._open is not None:
            self._open.close()


def open_postgres_store(
    table: CallStoreTable, limits: Sequence[RateLimit], now: Callable[[], float] | None = None
) -> PostgresCallStore:
    """The call store in this table, which is created if it does not exist.

    Raises ProviderError(unavailable) if the database cannot be used.
    """
    try:
        return PostgresCallStore(table, limits, now)
    except psycopg.Error as problem:
        raise database_error(table, problem) from None


def database_error(table: CallStoreTable, problem: psycopg.Error) -> ProviderError:
    """The problem with the database as a ProviderError that says what to do and holds no password."""
    try:
        parts = conninfo_to_dict(table.database_url)
    except psycopg.Error:
        # The parser's own message quotes the URL.
        where, found = "a database", "a malformed URL"
    else:
        where = f"database {parts.get('dbname')} at {parts.get('host')}:{parts.get('port', 5432)}"
        password = str(parts.get("password") or "")
        message = " ".join(str(problem).split())
        found = f"{type(problem).__name__}: {message.replace(password, REDACTED) if password else message}"
    return ProviderError(
        ErrorClass.unavailable,
        expected=f"to use the call store in {where}",
        found=found[:400],
        remedy="start the database or correct LEDGER_DATABASE_URL; unset it only if no other worker uses "
        "the same key",
    )
