"""Yahoo's chart service: bars, dividends and splits of stocks, funds, currencies and coins; no key.

It is undocumented (`/v8/finance/chart/{symbol}`). Prices are split-adjusted, so a split restates the past.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from flows.handlers.errors import ErrorClass, ProviderError, invalid_query
from flows.handlers.models import ProviderManifest, Query, RateLimit, RawPayload, utc_now
from flows.handlers.rate_limit.call_store import SharedCallStore
from flows.handlers.rate_limit.limiter import RateLimiter
from flows.handlers.stop_signal import StopSignal
from flows.handlers.transport.http_client import HttpClient, HttpRequest
from flows.handlers.transport.redaction import Redactor
from flows.handlers.transport.retry import HttpPolicy, OnRetry, ignore_attempt
from flows.handlers.yahoo.responses import classify_response, has_split

__all__ = ["BASE_URL", "INTERVALS", "MANIFEST", "Yahoo", "connect", "period", "provider_symbol"]

BASE_URL: Final = "https://query2.finance.yahoo.com/v8/finance/chart"

# A tenth longer than a minute: the provider counts calls as they arrive, the limiter as they leave.
_MINUTE: Final = 66.0
_CALLS_PER_MINUTE: Final = 60

MANIFEST: Final = ProviderManifest(
    name="yahoo",
    datasets=("daily", "intraday"),
    secrets=(),
    calendars=MappingProxyType({"daily": "XNYS", "intraday": "XNYS"}),
    plans=MappingProxyType({"public": (RateLimit(_CALLS_PER_MINUTE, _MINUTE),)}),
)

INTERVALS: Final[Mapping[str, str]] = MappingProxyType(
    {"1min": "1m", "5min": "5m", "15min": "15m", "30min": "30m", "60min": "60m"}
)

# Clients that do not look like a browser get 429 at once; this one still identifies itself.
_HEADERS: Final = {"User-Agent": "Mozilla/5.0 (compatible; market-lakehouse)", "Accept": "application/json"}

_SYMBOL: Final = re.compile(r"[A-Z0-9^][A-Z0-9.\-^=]{0,23}")
_CLASS_SHARE: Final = re.compile(r"([A-Z]+)\.([AB])")
_FX_PAIR: Final = re.compile(r"[A-Z]{6}")
_TOO_FAST_WAIT_SECONDS: Final = 10.0

# A date begins in UTC+14 and ends in UTC-12, so a range holds its sessions in every time zone.
_BEGINS_BEFORE: Final = timedelta(hours=14)
_ENDS_AFTER: Final = timedelta(hours=12)
_FIRST_DAY: Final = date(1900, 1, 1)
_LATEST: Final = {"daily": "1mo", "intraday": "5d"}


@dataclass(frozen=True)
class Yahoo:
    """Fetches from Yahoo; `connect` creates it. `clock` returns the current time in UTC."""

    http: HttpClient
    limiter: RateLimiter
    base_url: str = BASE_URL
    clock: Callable[[], datetime] = utc_now

    def fetch(self, query: Query) -> Iterator[RawPayload]:
        """The response to the query, its body unchanged.

        If the newest daily bars report a split, the whole history follows as a second payload, because Yahoo
        has restated it. Raises ProviderError when iterated, without any call if the query is invalid
        (bad_symbol); FetchStoppedError if the fetch is stopped.
        """
        payload = self._fetch_one(query)
        yield payload
        is_newest = query.dataset == "daily" and query.start is None and not query.is_full
        if is_newest and has_split(payload.body):
            yield self._fetch_one(Query(query.dataset, query.symbol, is_full=True))

    @property
    def stop(self) -> StopSignal:
        """The signal that ends every pause of this handler, from any thread."""
        return self.http.stop

    def close(self) -> None:
        """Releases the connections and the call store."""
        self.http.close()
        self.limiter.close()

    def _fetch_one(self, query: Query) -> RawPayload:
        request = self._request(query)
        try:
            return self.http.fetch(request, self.limiter, self.clock)
        except ProviderError as problem:
            raise _as_no_data(problem) or problem from None

    def _request(self, query: Query) -> HttpRequest:
        params = _params(query, self.clock())
        return HttpRequest(
            provider=MANIFEST.name,
            dataset=query.dataset,
            symbol=query.symbol,
            interval=query.interval if query.dataset == "intraday" else "1day",
            url=f"{self.base_url.rstrip('/')}/{quote(provider_symbol(query.symbol), safe='=')}",
            params=params,
            secret_params={},
            classify_response=classify_response,
            too_fast_wait_seconds=_TOO_FAST_WAIT_SECONDS,
            headers=_HEADERS,
        )


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
) -> Yahoo:
    """A handler that is ready to fetch.

    `call_store` (a folder, or the database of all workers) records the calls made, so all runs must share
    it. Yahoo documents no limit; `calls_per_minute` is our own. `on_retry` receives each failed attempt that
    is retried. `stop` ends all pauses; several handlers may share it. Raises ProviderError(unavailable) if
    the call store cannot be used.
    """
    stop = stop or StopSignal()
    limits = (RateLimit(calls_per_minute, _MINUTE),)
    limiter = RateLimiter.for_key(
        call_store, MANIFEST.name, "", limits, max_wait_seconds=max_wait_seconds, stop=stop
    )
    http = HttpClient(Redactor([]), policy, stop=stop, on_retry=on_retry)
    return Yahoo(http, limiter, base_url=base_url, clock=clock)


def provider_symbol(symbol: str) -> str:
    """Yahoo's spelling of a watch-list symbol: `BRK.B` is BRK-B, `EURUSD` is EURUSD=X, others are unchanged.

    A suffix other than .A and .B is Yahoo's own code of an exchange (`OCDO.L`).
    """
    spelled = symbol.upper()
    if _FX_PAIR.fullmatch(spelled):
        return f"{spelled}=X"
    return _CLASS_SHARE.sub(r"\1-\2", spelled) if _CLASS_SHARE.fullmatch(spelled) else spelled


def period(start: date, end: date) -> tuple[int, int]:
    """The epoch seconds that enclose the dates `start` to `end`, both included, in every time zone."""
    first = datetime.combine(start, time(0), UTC) - _BEGINS_BEFORE
    last = datetime.combine(end + timedelta(days=1), time(0), UTC) + _ENDS_AFTER
    return int(first.timestamp()), int(last.timestamp())


def _params(query: Query, now: datetime) -> dict[str, str]:
    """The parameters: bars with events; intraday bars include pre-market and post-market."""
    if not _SYMBOL.fullmatch(query.symbol.upper()) or ".." in query.symbol:
        raise invalid_query("a symbol of at most 24 letters, digits and . - ^ =", query.symbol)
    if query.dataset not in MANIFEST.datasets:
        raise invalid_query(f"one of the datasets {', '.join(MANIFEST.datasets)}", query.dataset)
    is_intraday = query.dataset == "intraday"
    if is_intraday and query.interval not in INTERVALS:
        raise invalid_query(f"one of the intervals {', '.join(INTERVALS)}", str(query.interval))
    return {
        "interval": INTERVALS[str(query.interval)] if is_intraday else "1d",
        "includePrePost": str(is_intraday).lower(),
        "events": "div,split,capitalGains",
        **_range(query, now),
    }


def _range(query: Query, now: datetime) -> dict[str, str]:
    """The range parameters; the whole history is requested by dates, because `range=max` returns months."""
    today = now.astimezone(UTC).date()
    start = query.start or (_FIRST_DAY if query.is_full or query.end else None)
    if start is None:
        return {"range": _LATEST[query.dataset]}
    if start > (end := query.end or today):
        raise invalid_query("a range whose start is not after its end", f"{start} to {end}")
    first, last = period(start, end)
    return {"period1": str(first), "period2": str(last)}


def _as_no_data(problem: ProviderError) -> ProviderError | None:
    """The error as no_data if the text of an HTTP client error says that the range has no bars."""
    payload = problem.payload
    if payload is None or payload.status != HTTPStatus.BAD_REQUEST:
        return None
    if classify_response(payload.body, payload.content_type) is not ErrorClass.no_data:
        return None
    return ProviderError(
        ErrorClass.no_data, problem.expected, problem.found, payload=payload, attempt=problem.attempt
    )
