"""What goes into a handler and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256


@dataclass(frozen=True)
class RateLimit:
    """At most `calls` in any `per_seconds`, counted over a sliding window.

    With `zone` (such as `America/New_York`) also in any calendar day there: the day on which clocks go
    back has 25 hours, so a quota that renews at midnight could otherwise be passed by a window of 24.
    """

    calls: int
    per_seconds: float
    zone: str | None = None


@dataclass(frozen=True)
class Query:
    """One question to a provider.

    `symbol` is spelled as in the watch list: a stock `AAPL` (class shares `BRK.B`), an FX pair as six
    letters `EURUSD`, a coin as `BTC-USD`, `ALL` for a dataset that has all symbols in one answer; a handler
    translates it into its provider's spelling. `interval` (`5min`) and `month` (`YYYY-MM`) matter for
    intraday data only; `is_full` asks for all history instead of the newest rows; `start` and `end` (both
    included) for a range of dates where the provider takes one. Handlers judge the values: a query that
    makes no sense ends as `ProviderError(bad_symbol)`.
    """

    dataset: str
    symbol: str
    interval: str | None = None
    month: str | None = None
    is_full: bool = False
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True)
class RawPayload:
    """One answer as received, secrets redacted, nothing parsed.

    `interval` is `1day` for daily data and None where the dataset has none; `request` is path and parameters
    in sorted order with the key shown as REDACTED; `fetched_at` (UTC) is when the last byte had arrived;
    `is_simulated` says that the answer named itself simulated (header `X-Simulated: true`).
    """

    provider: str
    dataset: str
    symbol: str
    interval: str | None
    request: str
    status: int
    content_type: str
    fetched_at: datetime
    body: bytes = field(repr=False)
    is_simulated: bool

    @property
    def payload_id(self) -> str:
        """SHA-256 of the (redacted) body in hex: the same bytes have the same id wherever they come from."""
        return sha256(self.body).hexdigest()


@dataclass(frozen=True)
class ProviderManifest:
    """What a provider offers and needs.

    `secrets` are the names of the environment variables; `calendars` gives each dataset's calendar of
    exchange_calendars; `plans` the rate limits of each subscription (an empty tuple: none).
    """

    name: str
    datasets: tuple[str, ...]
    secrets: tuple[str, ...]
    calendars: Mapping[str, str]
    plans: Mapping[str, tuple[RateLimit, ...]]
