"""The ledger of all workers: a table a key in PostgreSQL. It alone needs psycopg."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, Final, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from pyrate_limiter import PostgresBucket, RateItem

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import RateLimit
from flows.handlers.rate_limit.windows import LedgerTable, kept_longer_ms, rates_of
from flows.handlers.transport.redaction import REDACTED

_CONNECT_TIMEOUT_SECONDS: Final = 10
_LOCK_TIMEOUT_MS: Final = 30_000

# pyrate-limiter keeps timestamps without zone, which mean the session's: so all sessions are in UTC.
_OPTIONS: Final = f"-c timezone=UTC -c lock_timeout={_LOCK_TIMEOUT_MS} -c synchronous_commit=on"
_NOW: Final = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_STAMPS: Final = "SELECT (extract(epoch FROM item_timestamp) * 1000)::bigint FROM {table} ORDER BY 1"


class PostgresLedger:
    """Calls by the database's clock, under an advisory lock that ends with its holder's connection.

    The lock is ours because pyrate-limiter's bucket refuses a call while another worker is counting,
    cannot then say how long to wait, and lets two workers race to make the table. A call is committed
    before it is made: a worker that is killed between the two has wasted a call, and nobody makes one too
    many.
    """

    def __init__(
        self, table: LedgerTable, limits: Sequence[RateLimit], now: Callable[[], float] | None = None
    ) -> None:
        """`now` (epoch seconds) replaces the database's clock.

        Raises what `error` translates for a database that cannot be used, ValueError for limits that
        contradict each other.
        """
        self._now = now
        self._kept_ms = kept_longer_ms(limits)
        name = table.name.replace("-", "_").lower()
        self._lock_id = int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)
        self._stamps = sql.SQL(_STAMPS).format(table=sql.Identifier(f"ratelimit___{name}"))
        rates = rates_of(limits)
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
        """Within it nobody else reads or counts; raises psycopg.Error after a wait of 30 s."""
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

    def count(self, name: str, at_ms: int) -> bool:
        """Whether the sliding limits allowed the call; it then is counted, durably."""
        self._bucket.leak(at_ms - self._kept_ms)
        return bool(self._bucket.put(RateItem(name, at_ms)))

    def stamps(self) -> list[int]:
        """When the calls were made that any window may still hold, oldest first."""
        return [int(stamp) for (stamp,) in self._connection.get().execute(self._stamps)]

    def error(self, problem: Exception) -> ProviderError | None:
        """What is wrong with the database, None for a problem that is not the database's."""
        return database_error(self._table, problem) if isinstance(problem, psycopg.Error) else None

    def close(self) -> None:
        """Releases the connection."""
        self._connection.close()


class _OneConnection:
    """What the bucket takes for a pool: the lock and the counting go the same way and end together."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._open: psycopg.Connection | None = None

    @property
    def closed(self) -> bool:
        return self._open is None or self._open.closed

    def get(self) -> psycopg.Connection:
        """The connection, made anew where it broke; each statement is a transaction of its own."""
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


def open_postgres(
    table: LedgerTable, limits: Sequence[RateLimit], now: Callable[[], float] | None = None
) -> PostgresLedger:
    """The ledger in this table, which is made where there is none.

    Raises ProviderError(unavailable) for a database that cannot be used.
    """
    try:
        return PostgresLedger(table, limits, now)
    except psycopg.Error as problem:
        raise database_error(table, problem) from None


def database_error(table: LedgerTable, problem: psycopg.Error) -> ProviderError:
    """The problem with the database, its password in no word of it, with what to do."""
    try:
        parts = conninfo_to_dict(table.database_url)
    except psycopg.Error:
        # The parser's own words quote the URL.
        where, found = "a database", "a URL that is none"
    else:
        where = f"database {parts.get('dbname')} at {parts.get('host')}:{parts.get('port', 5432)}"
        password = str(parts.get("password") or "")
        said = " ".join(str(problem).split())
        found = f"{type(problem).__name__}: {said.replace(password, REDACTED) if password else said}"
    return ProviderError(
        ErrorClass.unavailable,
        wanted=f"the record of calls made, in {where}",
        found=found[:400],
        remedy="start the database or correct LEDGER_DATABASE_URL; unset it only if no other worker calls "
        "with the same key",
    )
