"""The client of the Bombay Stock Exchange's daily files: `connect(...)` and `MANIFEST`."""

from flows.handlers.bse.handler import MANIFEST, connect, file_names

__all__ = ["MANIFEST", "connect", "file_names"]
