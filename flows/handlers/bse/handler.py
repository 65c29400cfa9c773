"""Bombay Stock Exchange: the bhavcopy, one file per day with the daily bar of every scrip.

No key is needed, but the site responds to browsers only. It is undocumented; layouts, names and the
response for a missing day are as observed from 2022 to 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from flows.handlers.bse.responses import classify_response
from flows.handlers.errors import ErrorClass, ProviderError, invalid_query
from flows.handlers.models import ProviderManifest, Query, RateLimit, RawPayload, utc_now
from flows.handlers.rate_limit.call_store import SharedCallStore
from flows.handlers.rate_limit.limiter import RateLimiter
from flows.handlers.stop_signal import StopSignal
from flows.handlers.transport.http_client import HttpClient, HttpRequest
from flows.handlers.transport.redaction import Redactor
from flows.handlers.transport.retry import FailedAttempt, HttpPolicy, OnRetry, ignore_attempt

__all__ = ["BASE_URL", "MANIFEST", "UDIFF_SINCE", "Bse", "connect", "file_names"]

BASE_URL: Final = "https://www.bseindia.com/download/BhavCopy/Equity"
UDIFF_SINCE: Final = date(2024, 7, 8)

# A tenth longer than a minute: the provider counts calls as they arrive, the limiter as they leave.
_MINUTE: Final = 66.0
_CALLS_PER_MINUTE: Final = 30

MANIFEST: Final = ProviderManifest(
    name="bse",
    datasets=("bhavcopy",),
    secrets=(),
    calendars=MappingProxyType({"bhavcopy": "XBOM"}),
    plans=MappingProxyType({"public": (RateLimit(_CALLS_PER_MINUTE, _MINUTE),)}),
)

_HEADERS: Final = MappingProxyType(
    {
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/130.0.0.0 Safari/537.36",
        "Referer": "https://www.bseindia.com/markets/MarketInfo/BhavCopy.aspx",
    }
)
_NOT_FOUND: Final = 404
_WHEN_MISSING: Final = (
    "no action is needed on a holiday; a session's file is published at about 20:00 in India"
)


@dataclass(frozen=True)
class Bse:
    """Fetches bhavcopies; `connect` creates it. `clock` (UTC) dates the payloads.

    The HTTP client's redactor must have no secrets: none is sent here, and redacting bytes that look like
    one would damage a zip file.
    """

    http: HttpClient
    limiter: RateLimiter
    base_url: str = BASE_URL
    clock: Callable[[], datetime] = utc_now

    def fetch(self, query: Query) -> Iterator[RawPayload]:
        """The day's file as received, as one payload; a zip file stays zipped.

        For a day before UDIFF_SINCE the file with ISINs is requested first; if it does not exist, the one
        without, and the first request is a failed attempt.
        Raises ProviderError when iterated: bad_symbol, without any call, for anything but one day of ALL
        scrips; no_data for a day without a file (404, an empty body, or a web page with HTTP 200).
        FetchStoppedError if the fetch is stopped.
        """
        day = _day(query)
        *others, last = file_names(day)
        for name in others:
            try:
                yield self._file(name, day)
            except ProviderError as error:
                if error.error_class is not ErrorClass.no_data:
                    raise
                self.http.on_retry(_as_retried(error, name, self.clock()))
            else:
                return
        yield self._file(last, day)

    @property
    def stop(self) -> StopSignal:
        """The signal that ends every pause of this handler, from any thread."""
        return self.http.stop

    def close(self) -> None:
        """Releases the connections and the call store."""
        self.http.close()
        self.limiter.close()

    def _file(self, name: str, day: date) -> RawPayload:
        request = HttpRequest(
            provider=MANIFEST.name,
            dataset="bhavcopy",
            symbol="ALL",
            interval="1day",
            url=f"{self.base_url.rstrip('/')}/{name}",
            params={},
            secret_params={},
            headers=_HEADERS,
            classify_response=partial(classify_response, day=day),
            too_fast_wait_seconds=_MINUTE,
        )
        try:
            return self.http.fetch(request, self.limiter, self.clock)
        except ProviderError as error:
            raise _for_day(error, day) from None


def file_names(day: date) -> tuple[str, ...]:
    """The names that the day's file can have, the preferred one first."""
    if day >= UDIFF_SINCE:
        return (f"BhavCopy_BSE_CM_0_0_0_{day:%Y%m%d}_F_0000.CSV",)
    return (f"EQ_ISINCODE_{day:%d%m%y}.zip", f"EQ{day:%d%m%y}_CSV.ZIP")


def connect(
    call_store: Path | SharedCallStore,
    *,
    calls_per_minute: int = _CALLS_PER_MINUTE,
    base_url: str = BASE_URL,
    clock: Callable[[], datetime] = utc_now,
    policy: HttpPolicy | None = None,
    on_retry: OnRetry = ignore_attempt,
    max_wait_seconds: float = 120.0,
    stop: StopSignal | None = None,
) -> Bse:
    """A handler that is ready to fetch.

    `call_store` (a folder, or the database of all workers) records the calls made, so all runs must share
    it. `on_retry` receives each failed attempt that is retried. `stop` ends all pauses; several handlers may
    share it. Raises ProviderError(unavailable) if the call store cannot be used.
    """
    stop = stop or StopSignal()
    limits = (RateLimit(calls_per_minute, _MINUTE),)
    limiter = RateLimiter.for_key(
        call_store, MANIFEST.name, "", limits, max_wait_seconds=max_wait_seconds, stop=stop
    )
    http = HttpClient(Redactor(()), policy, stop=stop, on_retry=on_retry)
    return Bse(http, limiter, base_url, clock)


def _day(query: Query) -> date:
    if query.dataset not in MANIFEST.datasets:
        raise invalid_query("the dataset bhavcopy", query.dataset)
    if query.symbol != "ALL":
        raise invalid_query("the symbol ALL, because a bhavcopy holds every scrip", query.symbol)
    if query.start is None or query.start != query.end:
        raise invalid_query("one day as both start and end", f"{query.start} to {query.end}")
    return query.start


def _as_retried(error: ProviderError, name: str, at: datetime) -> FailedAttempt:
    """The error as a failed attempt that was retried under the file's other name."""
    return FailedAttempt(MANIFEST.name, "bhavcopy", "ALL", "1day", name, at, error)


def _for_day(error: ProviderError, day: date) -> ProviderError:
    """The error with the day in its message; HTTP 404 becomes no_data, because it means a missing file."""
    is_not_found = error.payload is not None and error.payload.status == _NOT_FOUND
    error_class = ErrorClass.no_data if is_not_found else error.error_class
    is_missing = error_class is ErrorClass.no_data
    return ProviderError(
        error_class,
        f"{error.expected} on {day}",
        error.found,
        payload=error.payload,
        retry_after_seconds=error.retry_after_seconds,
        remedy=_WHEN_MISSING if is_missing else None,
        attempt=error.attempt,
    )
