"""The client of Yahoo's chart service: `connect(...)` returns a handler, `MANIFEST` says what it offers."""

from flows.handlers.yahoo.handler import MANIFEST, connect, period

__all__ = ["MANIFEST", "connect", "period"]
