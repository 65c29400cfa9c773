"""Yahoo's chart service: bars, dividends and splits of stocks, funds, currencies and coins; no key.

It is undocumented (`/v8/finance/chart/{symbol}`). Prices come split-adjusted, and a split restates the past.
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

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import ProviderManifest, Query, RateLimit, RawPayload
from flows.handlers.rate_limit.limiter import RateLimiter, SharedLedger
from flows.handlers.transport.http_client import HttpClient, Request
from flows.handlers.transport.redaction import Redactor
from flows.handlers.transport.retry import HttpPolicy, OnRetry, ignore_attempt
from flows.handlers.yahoo.responses import classify, has_split

__all__ = ["BASE_URL", "INTERVALS", "MANIFEST", "Yahoo", "classify", "connect", "period", "provider_symbol"]

BASE_URL: Final = "https://query2.finance.yahoo.com/v8/finance/chart"

# A tenth longer than a minute: the provider counts when calls arrive, the limiter when they leave.
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

# Clients that do not look like a browser are answered 429 at once; this one still says who it is.
_HEADERS: Final = {"User-Agent": "Mozilla/5.0 (compatible; market-lakehouse)", "Accept": "application/json"}

_SYMBOL: Final = re.compile(r"[A-Z0-9^][A-Z0-9.\-^=]{0,23}")
_CLASS_SHARE: Final = re.compile(r"([A-Z]+)\.([AB])")
_FX_PAIR: Final = re.compile(r"[A-Z]{6}")
_SHOWN_CHARS: Final = 40
_TOO_FAST_WAIT_SECONDS: Final = 10.0

# A date begins in UTC+14 and ends in UTC-12: so a range holds its sessions wherever the exchange is.
_BEGINS_BEFORE: Final = timedelta(hours=14)
_ENDS_AFTER: Final = timedelta(hours=12)
_FIRST_DAY: Final = date(1900, 1, 1)
_LATEST: Final = {"daily": "1mo", "intraday": "5d"}


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Yahoo:
    """Fetches from Yahoo; `connect` makes one that is wired right. `clock` gives the present in UTC."""

    http: HttpClient
    limiter: RateLimiter
    base_url: str = BASE_URL
    clock: Callable[[], datetime] = _now

    def fetch(self, query: Query) -> Iterator[RawPayload]:
        """The answer to the query, its body untouched.

        Where the newest daily bars tell of a split, the whole history follows as a second record, because
        Yahoo has restated it. Raises ProviderError when iterated; without any call for a query that makes
        no sense (bad_symbol).
        """
        payload = self._ask(query)
        yield payload
        is_newest = query.dataset == "daily" and query.start is None and not query.is_full
        if is_newest and has_split(payload.body):
            yield self._ask(Query(query.dataset, query.symbol, is_full=True))

    def close(self) -> None:
        """Releases the connections and the rate limiter's file."""
        self.http.close()
        self.limiter.close()

    def _ask(self, query: Query) -> RawPayload:
        request = self._request(query)
        try:
            return self.http.fetch(request, self.limiter, self.clock)
        except ProviderError as problem:
            raise _as_no_data(problem) or problem from None

    def _request(self, query: Query) -> Request:
        params = _params(query, self.clock())
        return Request(
            provider=MANIFEST.name,
            dataset=query.dataset,
            symbol=query.symbol,
            interval=query.interval if query.dataset == "intraday" else "1day",
            url=f"{self.base_url.rstrip('/')}/{quote(provider_symbol(query.symbol), safe='=')}",
            params=params,
            secret_params={},
            classify=classify,
            too_fast_wait_seconds=_TOO_FAST_WAIT_SECONDS,
            headers=_HEADERS,
        )


def connect(
    state_folder: Path | SharedLedger,
    *,
    calls_per_minute: int = _CALLS_PER_MINUTE,
    base_url: str = BASE_URL,
    clock: Callable[[], datetime] = _now,
    policy: HttpPolicy | None = None,
    on_retry: OnRetry = ignore_attempt,
    max_wait_seconds: float = 120.0,
) -> Yahoo:
    """A handler ready to fetch; `state_folder` (or a table for all workers) keeps the calls made, so all runs
    must share it.

    Yahoo states no limit, `calls_per_minute` is ours. `on_retry` is told each failed attempt that another
    one follows. Raises ProviderError(unavailable) for a folder that
    cannot be used.
    """
    limits = (RateLimit(calls_per_minute, _MINUTE),)
    limiter = RateLimiter.for_key(state_folder, MANIFEST.name, "", limits, max_wait_seconds=max_wait_seconds)
    http = HttpClient(Redactor([]), policy, on_retry=on_retry)
    return Yahoo(http, limiter, base_url=base_url, clock=clock)


def provider_symbol(symbol: str) -> str:
    """Yahoo's spelling of a watch-list symbol: `BRK.B` BRK-B, `EURUSD` EURUSD=X; all others as they are.

    A suffix other than .A and .B is Yahoo's own mark of an exchange (`OCDO.L`).
    """
    spelled = symbol.upper()
    if _FX_PAIR.fullmatch(spelled):
        return f"{spelled}=X"
    return _CLASS_SHARE.sub(r"\1-\2", spelled) if _CLASS_SHARE.fullmatch(spelled) else spelled


def period(start: date, end: date) -> tuple[int, int]:
    """The epoch seconds between which the dates `start` to `end`, both included, lie anywhere on Earth."""
    first = datetime.combine(start, time(0), UTC) - _BEGINS_BEFORE
    last = datetime.combine(end + timedelta(days=1), time(0), UTC) + _ENDS_AFTER
    return int(first.timestamp()), int(last.timestamp())


def _params(query: Query, now: datetime) -> dict[str, str]:
    """The parameters: bars as they are, with events; intraday bars with pre-market and post-market."""
    if not _SYMBOL.fullmatch(query.symbol.upper()) or ".." in query.symbol:
        raise _unusable("a symbol of at most 24 letters, digits and . - ^ =", query.symbol)
    if query.dataset not in MANIFEST.datasets:
        raise _unusable(f"a dataset of {', '.join(MANIFEST.datasets)}", query.dataset)
    is_intraday = query.dataset == "intraday"
    if is_intraday and query.interval not in INTERVALS:
        raise _unusable(f"an interval of {', '.join(INTERVALS)}", str(query.interval))
    return {
        "interval": INTERVALS[str(query.interval)] if is_intraday else "1d",
        "includePrePost": str(is_intraday).lower(),
        "events": "div,split,capitalGains",
        **_range(query, now),
    }


def _range(query: Query, now: datetime) -> dict[str, str]:
    """The whole history is asked for by dates: `range=max` makes months of the days."""
    today = now.astimezone(UTC).date()
    start = query.start or (_FIRST_DAY if query.is_full or query.end else None)
    if start is None:
        return {"range": _LATEST[query.dataset]}
    if start > (end := query.end or today):
        raise _unusable("a range that begins before it ends", f"{start} to {end}")
    first, last = period(start, end)
    return {"period1": str(first), "period2": str(last)}


def _as_no_data(problem: ProviderError) -> ProviderError | None:
    """The error as no_data where a client error of HTTP says in words that the range has no bars."""
    payload = problem.payload
    if payload is None or payload.status != HTTPStatus.BAD_REQUEST:
        return None
    if classify(payload.body, payload.content_type) is not ErrorClass.no_data:
        return None
    return ProviderError(
        ErrorClass.no_data, problem.wanted, problem.found, payload=payload, attempt=problem.attempt
    )


def _unusable(wanted: str, found: str) -> ProviderError:
    shown = ascii(found[:_SHOWN_CHARS])
    more = f" and {len(found) - _SHOWN_CHARS} characters more" if len(found) > _SHOWN_CHARS else ""
    return ProviderError(ErrorClass.bad_symbol, wanted, f"{shown}{more}")
