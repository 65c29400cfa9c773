"""Bombay Stock Exchange: the bhavcopy, one file a day with the daily bar of every scrip.

No key is needed, but the site answers browsers only. There is no documentation; layouts, names and the
answer for a missing day are as seen in published files (2022 to 2026).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from flows.handlers.bse.responses import classify
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import ProviderManifest, Query, RateLimit, RawPayload
from flows.handlers.rate_limit.limiter import RateLimiter, SharedLedger
from flows.handlers.transport.http_client import HttpClient, Request
from flows.handlers.transport.redaction import Redactor
from flows.handlers.transport.retry import FailedAttempt, HttpPolicy, OnRetry, ignore_attempt

__all__ = ["BASE_URL", "MANIFEST", "UDIFF_SINCE", "Bse", "classify", "connect", "file_names"]

BASE_URL: Final = "https://www.bseindia.com/download/BhavCopy/Equity"
UDIFF_SINCE: Final = date(2024, 7, 8)

# A tenth longer than a minute: the provider counts when calls arrive, the limiter when they leave.
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
_WHEN_MISSING: Final = "nothing on a holiday; a session's file is there from about 20:00 in India on"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Bse:
    """Fetches bhavcopies; `connect` makes one that is wired right. `clock` (UTC) dates the records.

    The HTTP client's redactor must know no secrets: none is sent here, and replacing what looks like one
    would damage a zip.
    """

    http: HttpClient
    limiter: RateLimiter
    base_url: str = BASE_URL
    clock: Callable[[], datetime] = _now

    def fetch(self, query: Query) -> Iterator[RawPayload]:
        """The day's file as received, one record; a zip stays a zip.

        A day from before UDIFF_SINCE is asked for with ISINs, and without where there is none with: the
        first answer is then a failed attempt.
        Raises ProviderError when iterated: bad_symbol, without any call, for anything but one day of ALL
        scrips; no_data for a day without a file (404, no bytes, or a page with HTTP 200).
        """
        day = _day(query)
        *others, last = file_names(day)
        for name in others:
            try:
                yield self._file(name, day)
            except ProviderError as error:
                if error.error_class is not ErrorClass.no_data:
                    raise
                self.http.on_retry(_followed(error, name, self.clock()))
            else:
                return
        yield self._file(last, day)

    def close(self) -> None:
        """Releases the connections and the rate limiter's file."""
        self.http.close()
        self.limiter.close()

    def _file(self, name: str, day: date) -> RawPayload:
        request = Request(
            provider=MANIFEST.name,
            dataset="bhavcopy",
            symbol="ALL",
            interval="1day",
            url=f"{self.base_url.rstrip('/')}/{name}",
            params={},
            secret_params={},
            headers=_HEADERS,
            classify=partial(classify, day=day),
            too_fast_wait_seconds=_MINUTE,
        )
        try:
            return self.http.fetch(request, self.limiter, self.clock)
        except ProviderError as error:
            raise _of_day(error, day) from None


def file_names(day: date) -> tuple[str, ...]:
    """The names under which the day's file can be, the one to be preferred first."""
    if day >= UDIFF_SINCE:
        return (f"BhavCopy_BSE_CM_0_0_0_{day:%Y%m%d}_F_0000.CSV",)
    return (f"EQ_ISINCODE_{day:%d%m%y}.zip", f"EQ{day:%d%m%y}_CSV.ZIP")


def connect(
    state_folder: Path | SharedLedger,
    *,
    calls_per_minute: int = _CALLS_PER_MINUTE,
    base_url: str = BASE_URL,
    clock: Callable[[], datetime] = _now,
    policy: HttpPolicy | None = None,
    on_retry: OnRetry = ignore_attempt,
    max_wait_seconds: float = 120.0,
) -> Bse:
    """A handler ready to fetch; `state_folder` (or a table for all workers) keeps the calls made, so all runs
    must share it.

    `on_retry` is told each failed attempt that another one follows. Raises ProviderError(unavailable) for a
    folder or a database that cannot be used.
    """
    limits = (RateLimit(calls_per_minute, _MINUTE),)
    limiter = RateLimiter.for_key(state_folder, MANIFEST.name, "", limits, max_wait_seconds=max_wait_seconds)
    return Bse(HttpClient(Redactor(()), policy, on_retry=on_retry), limiter, base_url, clock)


def _day(query: Query) -> date:
    if query.dataset not in MANIFEST.datasets:
        raise _unusable("the dataset bhavcopy", query.dataset)
    if query.symbol != "ALL":
        raise _unusable("the symbol ALL: a bhavcopy holds every scrip", query.symbol)
    if query.start is None or query.start != query.end:
        raise _unusable("one day, as start and as end", f"{query.start} to {query.end}")
    return query.start


def _followed(error: ProviderError, name: str, at: datetime) -> FailedAttempt:
    """The error as an attempt that another one, for the other name, followed."""
    return FailedAttempt(MANIFEST.name, "bhavcopy", "ALL", "1day", name, at, error)


def _unusable(wanted: str, found: str) -> ProviderError:
    return ProviderError(ErrorClass.bad_symbol, wanted, ascii(found[:40]))


def _of_day(error: ProviderError, day: date) -> ProviderError:
    """The error with the day in its words; HTTP 404, which says that there is no such file, as no_data."""
    is_not_found = error.payload is not None and error.payload.status == _NOT_FOUND
    error_class = ErrorClass.no_data if is_not_found else error.error_class
    is_missing = error_class is ErrorClass.no_data
    return ProviderError(
        error_class,
        f"{error.wanted} of {day}",
        error.found,
        payload=error.payload,
        retry_after_seconds=error.retry_after_seconds,
        remedy=_WHEN_MISSING if is_missing else None,
        attempt=error.attempt,
    )
