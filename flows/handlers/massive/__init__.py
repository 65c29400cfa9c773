"""The client of Massive's (Polygon's) flat files: `connect(...)` and `MANIFEST`."""

from flows.handlers.massive.handler import MANIFEST, Massive, connect

__all__ = ["MANIFEST", "Massive", "connect"]
