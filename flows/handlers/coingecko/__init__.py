"""The CoinGecko client: `connect(...)` gives a handler, `MANIFEST` says what it offers."""

from flows.handlers.coingecko.handler import MANIFEST, connect

__all__ = ["MANIFEST", "connect"]
