"""Alpha Vantage: bars of US stocks, currencies and coins, overviews, corporate actions, news, listings.

https://www.alphavantage.co
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from flows.handlers.alphavantage.endpoints import DATASETS, Asked, asked
from flows.handlers.alphavantage.responses import classify
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import ProviderManifest, Query, RateLimit, RawPayload
from flows.handlers.rate_limit.limiter import RateLimiter, SharedLedger
from flows.handlers.transport.http_client import HttpClient, Request
from flows.handlers.transport.redaction import Redactor
from flows.handlers.transport.retry import HttpPolicy, OnRetry, ignore_attempt

__all__ = ["BASE_URL", "MANIFEST", "AlphaVantage", "classify", "connect"]

BASE_URL: Final = "https://www.alphavantage.co/query"

_DAY_SECONDS: Final = 24 * 60 * 60.0

# A tenth longer than stated: the provider counts when calls arrive, the limiter when they leave.
_SECOND: Final = 1.1
_MINUTE: Final = 66.0

MANIFEST: Final = ProviderManifest(
    name="alphavantage",
    datasets=DATASETS,
    secrets=("ALPHAVANTAGE_API_KEY",),
    calendars=MappingProxyType(
        {
            **dict.fromkeys(DATASETS, "XNYS"),
            **dict.fromkeys(("fx_daily", "fx_intraday"), "24/5"),
            **dict.fromkeys(("crypto_daily", "crypto_intraday", "news"), "24/7"),
        }
    ),
    plans=MappingProxyType(
        {
            "free": (RateLimit(1, _SECOND), RateLimit(25, _DAY_SECONDS, "America/New_York")),
            "premium": (RateLimit(75, _MINUTE),),
            **{f"premium_{calls}": (RateLimit(calls, _MINUTE),) for calls in (150, 300, 600, 1200)},
            "unmetered": (),
        }
    ),
)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class AlphaVantage:
    """Fetches from Alpha Vantage with one key under one plan; `connect` makes one that is wired right.

    `clock` gives the present in UTC, and dates the records. Raises ValueError for an unknown plan and for
    an HTTP client that would not redact the key.
    """

    http: HttpClient
    limiter: RateLimiter
    api_key: str = field(repr=False)
    plan: str = "free"
    base_url: str = BASE_URL
    clock: Callable[[], datetime] = _now

    def __post_init__(self) -> None:
        _limits(self.plan)
        key = self.api_key.strip()
        if key and key != "demo" and key in self.http.redactor.text(key):
            raise ValueError("wanted an HTTP client whose redactor knows the API key; use connect()")

    def fetch(self, query: Query) -> Iterator[RawPayload]:
        """The answer to the query, one record, its body untouched but for the key.

        Raises ProviderError when iterated; without any call for a query that makes no sense (bad_symbol)
        and for a missing key (bad_credentials).
        """
        question = asked(query)
        if not self.api_key.strip():
            raise ProviderError(
                ErrorClass.bad_credentials,
                wanted=f"an API key for {MANIFEST.name}",
                found="none",
                remedy=f"set {MANIFEST.secrets[0]} (a free key: https://www.alphavantage.co/support/#api-key)",
            )
        yield self.http.fetch(self._request(query.dataset, question), self.limiter, self.clock)

    def close(self) -> None:
        """Releases the connections and the rate limiter's file."""
        self.http.close()
        self.limiter.close()

    def _request(self, dataset: str, question: Asked) -> Request:
        limits = _limits(self.plan)
        return Request(
            provider=MANIFEST.name,
            dataset=dataset,
            symbol=question.symbol,
            interval=question.interval,
            url=self.base_url,
            params=question.params,
            secret_params={"apikey": self.api_key.strip()},
            classify=partial(classify, wanted=question.data_key),
            too_fast_wait_seconds=min((limit.per_seconds for limit in limits), default=_SECOND),
        )


def connect(
    api_key: str,
    state_folder: Path | SharedLedger,
    *,
    plan: str = "free",
    base_url: str = BASE_URL,
    clock: Callable[[], datetime] = _now,
    policy: HttpPolicy | None = None,
    on_retry: OnRetry = ignore_attempt,
    max_wait_seconds: float = 60.0,
) -> AlphaVantage:
    """A handler ready to fetch; `state_folder` (or a table for all workers) keeps the calls made, so all runs
    with one key must share it.

    `on_retry` is told each failed attempt that another one follows. Raises ProviderError(unavailable) for a
    folder or a database that cannot be used, ValueError for an unknown plan or a key of fewer than four
    characters.
    """
    limits = _limits(plan)
    limiter = RateLimiter.for_key(
        state_folder, MANIFEST.name, api_key.strip(), limits, max_wait_seconds=max_wait_seconds
    )
    http = HttpClient(Redactor([api_key]), policy, on_retry=on_retry)
    return AlphaVantage(http, limiter, api_key, plan=plan, base_url=base_url, clock=clock)


def _limits(plan: str) -> tuple[RateLimit, ...]:
    if plan not in MANIFEST.plans:
        raise ValueError(
            f"wanted a plan of {', '.join(MANIFEST.plans)}; found {plan!r}; correct the settings"
        )
    return MANIFEST.plans[plan]
