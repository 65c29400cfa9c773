"""The CoinGecko client: `connect(...)` returns a handler, `MANIFEST` describes what it offers."""

from flows.handlers.coingecko.handler import MANIFEST, connect

__all__ = ["MANIFEST", "connect"]
