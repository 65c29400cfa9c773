"""One deadline for a whole HTTP exchange: connection, headers and body.

A timeout of a socket begins anew with each byte, so that a server which sends a byte per second holds a
thread for as long as it likes. At the deadline the exchange's socket is shut down, which wakes its reader.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from contextvars import ContextVar, Token
from threading import Timer
from typing import Any, Self

from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool


class ExchangeDeadline:
    """Ends the exchange of this thread after some seconds; use it in `with`, around request and reading."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._sockets: list[socket.socket] = []
        self._timer = Timer(seconds, self._end)
        self._timer.daemon = True
        self._token: Token[ExchangeDeadline | None] | None = None

    def __enter__(self) -> Self:
        self._token = _CURRENT.set(self)
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._token is not None:
            _CURRENT.reset(self._token)

    def watch(self, opened: socket.socket) -> None:
        """Shuts this socket down at the deadline, at once if that has passed."""
        self._sockets.append(opened)
        if self.is_over:
            _shut_down(opened)

    def _end(self) -> None:
        self.is_over = True
        for opened in self._sockets:
            _shut_down(opened)


_CURRENT: ContextVar[ExchangeDeadline | None] = ContextVar("exchange deadline", default=None)


class DeadlineAdapter(HTTPAdapter):
    """An adapter whose connections obey the ExchangeDeadline of the thread that uses them."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - as requests has it
        """Makes the pool manager open watched connections."""
        super().init_poolmanager(*arguments, **options)
        _watch_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> PoolManager:  # noqa: ANN401 - as requests has it
        """The manager of this proxy (SOCKS included), which opens watched connections, too."""
        manager: PoolManager = super().proxy_manager_for(proxy, **options)
        _watch_pools(manager)
        return manager


def _watch_pools(manager: PoolManager) -> None:
    """Replaces the classes of a manager's pools by subclasses whose connections are watched."""
    manager.pool_classes_by_scheme = {
        scheme: pool if issubclass(pool.ConnectionCls, _Watched) else _watched_pool(pool)
        for scheme, pool in _pools(manager).items()
    }


def _pools(manager: PoolManager) -> dict[str, type[HTTPConnectionPool]]:
    return dict(manager.pool_classes_by_scheme)


def _watched_pool(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    connection = type(f"Watched{pool.ConnectionCls.__name__}", (_Watched, pool.ConnectionCls), {})
    watched: type[HTTPConnectionPool] = type(
        f"Watched{pool.__name__}", (pool,), {"ConnectionCls": connection}
    )
    return watched


class _Watched(HTTPConnection):
    """A connection that tells the current deadline which socket it uses."""

    def _new_conn(self) -> socket.socket:
        opened = super()._new_conn()
        _watch(opened)
        return opened

    def request(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - as urllib3 has it
        if self.sock is not None:  # a connection that is used again
            _watch(self.sock)
        super().request(*arguments, **options)


def _watch(opened: socket.socket) -> None:
    if deadline := _CURRENT.get():
        deadline.watch(opened)


def _shut_down(opened: socket.socket) -> None:
    """Shuts down the socket itself: an SSLSocket's own method would take its state from its reader."""
    with suppress(OSError):  # closed already
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
