"""CoinGecko: prices and candles of coins, and their market values (https://docs.coingecko.com)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from flows.handlers.coingecko.endpoints import DATASETS, Question, Reach, question
from flows.handlers.coingecko.responses import classify
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import ProviderManifest, Query, RateLimit, RawPayload
from flows.handlers.rate_limit.limiter import RateLimiter, SharedLedger
from flows.handlers.rate_limit.windows import MONTH_SECONDS
from flows.handlers.transport.http_client import HttpClient, Request
from flows.handlers.transport.redaction import Redactor
from flows.handlers.transport.retry import HttpPolicy, OnRetry, ignore_attempt

__all__ = ["MANIFEST", "PLANS", "CoinGecko", "classify", "connect", "limits"]

_MINUTE: Final = 60.0


@dataclass(frozen=True)
class Plan:
    """Where a subscription asks, and the header of its key; None: it needs none."""

    base_url: str
    key_header: str | None


PLANS: Final[Mapping[str, Plan]] = MappingProxyType(
    {
        "public": Plan("https://api.coingecko.com/api/v3", None),
        "demo": Plan("https://api.coingecko.com/api/v3", "x-cg-demo-api-key"),
        "pro": Plan("https://pro-api.coingecko.com/api/v3", "x-cg-pro-api-key"),
    }
)


def limits(calls_per_minute: int, calls_per_month: int) -> tuple[RateLimit, ...]:
    """The limits that bind: a month of fewer calls than a minute's makes the minute's pointless,
    and one that a month of full minutes cannot reach binds nobody."""
    minute, month = RateLimit(calls_per_minute, _MINUTE), RateLimit(calls_per_month, MONTH_SECONDS)
    if calls_per_month <= calls_per_minute:
        return (month,)
    return (minute, month) if calls_per_month / MONTH_SECONDS < calls_per_minute / _MINUTE else (minute,)


# The limits of a Demo key as of 2026-05; a plan's own are given to `connect`.
MANIFEST: Final = ProviderManifest(
    name="coingecko",
    datasets=DATASETS,
    secrets=("COINGECKO_API_KEY",),
    calendars=MappingProxyType(dict.fromkeys(DATASETS, "24/7")),
    plans=MappingProxyType(dict.fromkeys(PLANS, limits(30, 10_000))),
)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class CoinGecko:
    """Fetches from CoinGecko under one plan; `connect` makes one that is wired right.

    `clock` gives the present in UTC, and dates the records. Raises ValueError for an unknown plan and for
    an HTTP client that would not redact the key.
    """

    http: HttpClient
    limiter: RateLimiter
    api_key: str = field(default="", repr=False)
    plan: str = "public"
    base_url: str | None = None
    reach: Reach = field(default_factory=Reach)
    too_fast_wait_seconds: float = 2.0
    clock: Callable[[], datetime] = _now

    def __post_init__(self) -> None:
        _plan(self.plan)
        key = self.api_key.strip()
        if key and key in self.http.redactor.text(key):
            raise ValueError("wanted an HTTP client whose redactor knows the API key; use connect()")

    def fetch(self, query: Query) -> Iterator[RawPayload]:
        """The answer to the query, one record; its `interval` is the one that CoinGecko documents for the
        days asked, which the body need not keep to.

        Raises ProviderError when iterated; without any call for a query that makes no sense (bad_symbol)
        and for a missing key (bad_credentials).
        """
        asked = question(query, self.reach)
        yield self.http.fetch(self._request(query.dataset, asked), self.limiter, self.clock)

    def close(self) -> None:
        """Releases the connections and the rate limiter's file."""
        self.http.close()
        self.limiter.close()

    def _request(self, dataset: str, asked: Question) -> Request:
        return Request(
            provider=MANIFEST.name,
            dataset=dataset,
            symbol=asked.coin.symbol,
            interval=asked.interval,
            url=(self.base_url or _plan(self.plan).base_url).rstrip("/") + asked.path,
            params=asked.params,
            secret_params={},
            secret_headers=self._key_header(),
            classify=partial(classify, dataset=dataset, coin_id=asked.coin.coin_id),
            too_fast_wait_seconds=self.too_fast_wait_seconds,
        )

    def _key_header(self) -> dict[str, str]:
        header, key = _plan(self.plan).key_header, self.api_key.strip()
        if header is None:
            return {}
        if not key:
            raise ProviderError(
                ErrorClass.bad_credentials,
                wanted=f"an API key for {MANIFEST.name}, plan {self.plan}",
                found="none",
                remedy=f"set {MANIFEST.secrets[0]} (a free key: https://www.coingecko.com/en/api/pricing), "
                "or the plan `public`, which needs none",
            )
        return {header: key}


def connect(
    api_key: str,
    state_folder: Path | SharedLedger,
    *,
    plan: str = "public",
    base_url: str | None = None,
    reach: Reach | None = None,
    calls_per_minute: int = 30,
    calls_per_month: int = 10_000,
    clock: Callable[[], datetime] = _now,
    policy: HttpPolicy | None = None,
    on_retry: OnRetry = ignore_attempt,
    max_wait_seconds: float = 60.0,
) -> CoinGecko:
    """A handler ready to fetch; `state_folder` (or a table for all workers) keeps the calls made, so all runs
    with one key must share it.

    `on_retry` is told each failed attempt that another one follows. Raises ProviderError(unavailable) for a
    folder or a database that cannot be used, ValueError for an unknown plan or a key of fewer than four
    characters.
    """
    _plan(plan)
    limiter = RateLimiter.for_key(
        state_folder,
        MANIFEST.name,
        api_key.strip(),
        limits(calls_per_minute, calls_per_month),
        max_wait_seconds=max_wait_seconds,
    )
    return CoinGecko(
        HttpClient(Redactor([api_key]), policy, on_retry=on_retry),
        limiter,
        api_key,
        plan=plan,
        base_url=base_url,
        reach=reach or Reach(),
        too_fast_wait_seconds=_MINUTE / calls_per_minute,
        clock=clock,
    )


def _plan(name: str) -> Plan:
    if name not in PLANS:
        raise ValueError(f"wanted a plan of {', '.join(PLANS)}; found {name!r}; correct the settings")
    return PLANS[name]
