"""The Alpha Vantage client: `connect(...)` gives a handler, `MANIFEST` says what it offers."""

from flows.handlers.alphavantage.handler import MANIFEST, AlphaVantage, connect

__all__ = ["MANIFEST", "AlphaVantage", "connect"]
