"""What goes into a handler and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path


@dataclass(frozen=True)
class RateLimit:
    """At most `calls` in any `per_seconds`, counted over a sliding window.

    With `zone` (such as `America/New_York`), also at most `calls` in any calendar day there: the day on
    which clocks go back has 25 hours, so a window of 24 hours could exceed a quota that renews at midnight.
    """

    calls: int
    per_seconds: float
    zone: str | None = None


@dataclass(frozen=True)
class Query:
    """One request for data, in the terms of the watch list; a handler translates it for its provider.

    `symbol` is a stock `AAPL` (class shares `BRK.B`), an FX pair of six letters `EURUSD`, a coin `BTC-USD`,
    or `ALL` for a dataset that returns all symbols in one response. `interval` (`5min`) and `month`
    (`YYYY-MM`) apply to intraday data only. `is_full` requests the whole history instead of the newest rows;
    `start` and `end` (both included) request a range of dates if the provider supports ranges. Handlers
    validate the values: an invalid query ends as `ProviderError(bad_symbol)`.
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
    """One response as received, with secrets redacted and nothing parsed.

    `interval` is `1day` for daily data, and None for a dataset without intervals. `request` is the path and
    the parameters in sorted order, with the key shown as REDACTED. `fetched_at` (UTC) is when the last byte
    arrived. `is_simulated` is true if the response declared itself simulated (header `X-Simulated: true`).
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
        """SHA-256 of the (redacted) body in hex: the same bytes have the same id, whatever their origin."""
        return sha256(self.body).hexdigest()


@dataclass(frozen=True)
class ProviderManifest:
    """What a provider offers and requires.

    `secrets` are the names of its environment variables; `calendars` maps each dataset to a calendar of
    exchange_calendars; `plans` maps each subscription to its rate limits (an empty tuple: unlimited).
    """

    name: str
    datasets: tuple[str, ...]
    secrets: tuple[str, ...]
    calendars: Mapping[str, str]
    plans: Mapping[str, tuple[RateLimit, ...]]


def utc_now() -> datetime:
    """The current time in UTC: the default clock of every handler."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class RemoteFile:
    """One version of one day's file in the store, as a HEAD describes it; `etag` has no quotes."""

    dataset: str
    day: date
    key: str
    etag: str
    size_bytes: int
    last_modified: datetime
    is_simulated: bool = False


@dataclass(frozen=True)
class ReceivedFile:
    """A version that is complete at `path`; `sha256` is that of its bytes as received, in hex."""

    remote: RemoteFile
    path: Path
    sha256: str
    fetched_at: datetime
