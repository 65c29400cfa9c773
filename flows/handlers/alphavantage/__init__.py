"""The Alpha Vantage client: `connect(...)` returns a handler, `MANIFEST` describes what it offers."""

from flows.handlers.alphavantage.handler import MANIFEST, AlphaVantage, connect

__all__ = ["MANIFEST", "AlphaVantage", "connect"]
