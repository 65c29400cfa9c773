"""Alpha Vantage: bars of US stocks, currencies and coins, overviews, corporate actions, news, listings.

https://www.alphavantage.co
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from flows.handlers.alphavantage.endpoints import DATASETS, AlphaVantageRequest, endpoint_request
from flows.handlers.alphavantage.responses import classify_response
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import ProviderManifest, Query, RateLimit, RawPayload, utc_now
from flows.handlers.rate_limit.call_store import SharedCallStore
from flows.handlers.rate_limit.limiter import RateLimiter
from flows.handlers.stop_signal import StopSignal
from flows.handlers.transport.http_client import HttpClient, HttpRequest
from flows.handlers.transport.redaction import Redactor
from flows.handlers.transport.retry import HttpPolicy, OnRetry, ignore_attempt

__all__ = ["BASE_URL", "MANIFEST", "AlphaVantage", "connect"]

BASE_URL: Final = "https://www.alphavantage.co/query"

_DAY_SECONDS: Final = 24 * 60 * 60.0

# A tenth longer than documented: the provider counts calls as they arrive, the limiter as they leave.
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


@dataclass(frozen=True)
class AlphaVantage:
    """Fetches from Alpha Vantage with one key under one plan; `connect` creates it.

    `clock` returns the current time in UTC, which dates the payloads. Raises ValueError for an unknown plan,
    and for an HTTP client that would not redact the key.
    """

    http: HttpClient
    limiter: RateLimiter
    api_key: str = field(repr=False)
    plan: str = "free"
    base_url: str = BASE_URL
    clock: Callable[[], datetime] = utc_now

    def __post_init__(self) -> None:
        _limits(self.plan)
        key = self.api_key.strip()
        if key and key != "demo" and key in self.http.redactor.text(key):
            raise ValueError("The HTTP client's redactor does not know the API key. Use connect().")

    def fetch(self, query: Query) -> Iterator[RawPayload]:
        """The response to the query as one payload; its body is unchanged except for the key.

        Raises ProviderError when iterated, without any call if the query is invalid (bad_symbol) or the key
        is missing (bad_credentials); FetchStoppedError if the fetch is stopped.
        """
        request = endpoint_request(query)
        if not self.api_key.strip():
            raise ProviderError(
                ErrorClass.bad_credentials,
                expected=f"an API key for {MANIFEST.name}",
                found="none",
                remedy=f"set {MANIFEST.secrets[0]} (a free key: https://www.alphavantage.co/support/#api-key)",
            )
        yield self.http.fetch(self._http_request(query.dataset, request), self.limiter, self.clock)

    @property
    def stop(self) -> StopSignal:
        """The signal that ends every pause of this handler, from any thread."""
        return self.http.stop

    def close(self) -> None:
        """Releases the connections and the call store."""
        self.http.close()
        self.limiter.close()

    def _http_request(self, dataset: str, request: AlphaVantageRequest) -> HttpRequest:
        limits = _limits(self.plan)
        return HttpRequest(
            provider=MANIFEST.name,
            dataset=dataset,
            symbol=request.symbol,
            interval=request.interval,
            url=self.base_url,
            params=request.params,
            secret_params={"apikey": self.api_key.strip()},
            classify_response=partial(classify_response, data_key=request.data_key),
            too_fast_wait_seconds=min((limit.per_seconds for limit in limits), default=_SECOND),
        )


def connect(
    api_key: str,
    call_store: Path | SharedCallStore,
    *,
    plan: str = "free",
    base_url: str = BASE_URL,
    clock: Callable[[], datetime] = utc_now,
    policy: HttpPolicy | None = None,
    on_retry: OnRetry = ignore_attempt,
    max_wait_seconds: float = 60.0,
    stop: StopSignal | None = None,
) -> AlphaVantage:
    """A handler that is ready to fetch.

    `call_store` (a folder, or the database of all workers) records the calls made, so all runs with one key
    must share it. `on_retry` receives each failed attempt that is retried. `stop` ends all pauses; several
    handlers may share it. Raises ProviderError(unavailable) if the call store cannot be used, ValueError for
    an unknown plan or a key of fewer than four characters.
    """
    stop = stop or StopSignal()
    limits = _limits(plan)
    limiter = RateLimiter.for_key(
        call_store, MANIFEST.name, api_key.strip(), limits, max_wait_seconds=max_wait_seconds, stop=stop
    )
    http = HttpClient(Redactor([api_key]), policy, stop=stop, on_retry=on_retry)
    return AlphaVantage(http, limiter, api_key, plan=plan, base_url=base_url, clock=clock)


def _limits(plan: str) -> tuple[RateLimit, ...]:
    if plan not in MANIFEST.plans:
        raise ValueError(
            f"Expected one of the plans {', '.join(MANIFEST.plans)}; found {plan!r}. Correct the settings."
        )
    return MANIFEST.plans[plan]
