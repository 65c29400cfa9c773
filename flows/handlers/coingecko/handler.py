"""CoinGecko: prices and candles of coins, and their market values (https://docs.coingecko.com)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from flows.handlers.coingecko.endpoints import DATASETS, CoinGeckoRequest, Lookback, endpoint_request
from flows.handlers.coingecko.responses import classify_response
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import ProviderManifest, Query, RateLimit, RawPayload, utc_now
from flows.handlers.rate_limit.call_store import SharedCallStore
from flows.handlers.rate_limit.limiter import RateLimiter
from flows.handlers.rate_limit.windows import MONTH_SECONDS
from flows.handlers.stop_signal import StopSignal
from flows.handlers.transport.http_client import HttpClient, HttpRequest
from flows.handlers.transport.redaction import Redactor
from flows.handlers.transport.retry import HttpPolicy, OnRetry, ignore_attempt

__all__ = ["MANIFEST", "PLANS", "CoinGecko", "connect", "limits"]

_MINUTE: Final = 60.0


@dataclass(frozen=True)
class PlanEndpoint:
    """The address for a subscription, and the header of its key; None if it needs no key."""

    base_url: str
    key_header: str | None


PLANS: Final[Mapping[str, PlanEndpoint]] = MappingProxyType(
    {
        "public": PlanEndpoint("https://api.coingecko.com/api/v3", None),
        "demo": PlanEndpoint("https://api.coingecko.com/api/v3", "x-cg-demo-api-key"),
        "pro": PlanEndpoint("https://pro-api.coingecko.com/api/v3", "x-cg-pro-api-key"),
    }
)


def limits(calls_per_minute: int, calls_per_month: int) -> tuple[RateLimit, ...]:
    """The limits that matter.

    A monthly limit below the minute's makes the minute's pointless; a monthly limit that full minutes cannot
    reach is left out.
    """
    minute, month = RateLimit(calls_per_minute, _MINUTE), RateLimit(calls_per_month, MONTH_SECONDS)
    if calls_per_month <= calls_per_minute:
        return (month,)
    return (minute, month) if calls_per_month / MONTH_SECONDS < calls_per_minute / _MINUTE else (minute,)


# The limits of a Demo key as of 2026-05; `connect` takes those of other plans.
MANIFEST: Final = ProviderManifest(
    name="coingecko",
    datasets=DATASETS,
    secrets=("COINGECKO_API_KEY",),
    calendars=MappingProxyType(dict.fromkeys(DATASETS, "24/7")),
    plans=MappingProxyType(dict.fromkeys(PLANS, limits(30, 10_000))),
)


@dataclass(frozen=True)
class CoinGecko:
    """Fetches from CoinGecko under one plan; `connect` creates it.

    `clock` returns the current time in UTC, which dates the payloads. Raises ValueError for an unknown plan,
    and for an HTTP client that would not redact the key.
    """

    http: HttpClient
    limiter: RateLimiter
    api_key: str = field(default="", repr=False)
    plan: str = "public"
    base_url: str | None = None
    lookback: Lookback = field(default_factory=Lookback)
    too_fast_wait_seconds: float = 2.0
    clock: Callable[[], datetime] = utc_now

    def __post_init__(self) -> None:
        _plan(self.plan)
        key = self.api_key.strip()
        if key and key in self.http.redactor.text(key):
            raise ValueError("The HTTP client's redactor does not know the API key. Use connect().")

    def fetch(self, query: Query) -> Iterator[RawPayload]:
        """The response to the query as one payload.

        Its `interval` is the one that CoinGecko documents for the requested days; the body may differ.
        Raises ProviderError when iterated, without any call if the query is invalid (bad_symbol) or the key
        is missing (bad_credentials); FetchStoppedError if the fetch is stopped.
        """
        request = endpoint_request(query, self.lookback)
        yield self.http.fetch(self._http_request(query.dataset, request), self.limiter, self.clock)

    @property
    def stop(self) -> StopSignal:
        """The signal that ends every pause of this handler, from any thread."""
        return self.http.stop

    def close(self) -> None:
        """Releases the connections and the call store."""
        self.http.close()
        self.limiter.close()

    def _http_request(self, dataset: str, request: CoinGeckoRequest) -> HttpRequest:
        return HttpRequest(
            provider=MANIFEST.name,
            dataset=dataset,
            symbol=request.coin.symbol,
            interval=request.interval,
            url=(self.base_url or _plan(self.plan).base_url).rstrip("/") + request.path,
            params=request.params,
            secret_params={},
            secret_headers=self._key_header(),
            classify_response=partial(classify_response, dataset=dataset, coin_id=request.coin.coin_id),
            too_fast_wait_seconds=self.too_fast_wait_seconds,
        )

    def _key_header(self) -> dict[str, str]:
        header, key = _plan(self.plan).key_header, self.api_key.strip()
        if header is None:
            return {}
        if not key:
            raise ProviderError(
                ErrorClass.bad_credentials,
                expected=f"an API key for {MANIFEST.name}, plan {self.plan}",
                found="none",
                remedy=f"set {MANIFEST.secrets[0]} (a free key: https://www.coingecko.com/en/api/pricing), "
                "or the plan `public`, which needs no key",
            )
        return {header: key}


def connect(
    api_key: str,
    call_store: Path | SharedCallStore,
    *,
    plan: str = "public",
    base_url: str | None = None,
    lookback: Lookback | None = None,
    calls_per_minute: int = 30,
    calls_per_month: int = 10_000,
    clock: Callable[[], datetime] = utc_now,
    policy: HttpPolicy | None = None,
    on_retry: OnRetry = ignore_attempt,
    max_wait_seconds: float = 60.0,
    stop: StopSignal | None = None,
) -> CoinGecko:
    """A handler that is ready to fetch.

    `call_store` (a folder, or the database of all workers) records the calls made, so all runs with one key
    must share it. `on_retry` receives each failed attempt that is retried. `stop` ends all pauses; several
    handlers may share it. Raises ProviderError(unavailable) if the call store cannot be used, ValueError for
    an unknown plan or a key of fewer than four characters.
    """
    stop = stop or StopSignal()
    _plan(plan)
    limiter = RateLimiter.for_key(
        call_store,
        MANIFEST.name,
        api_key.strip(),
        limits(calls_per_minute, calls_per_month),
        max_wait_seconds=max_wait_seconds,
        stop=stop,
    )
    return CoinGecko(
        HttpClient(Redactor([api_key]), policy, stop=stop, on_retry=on_retry),
        limiter,
        api_key,
        plan=plan,
        base_url=base_url,
        lookback=lookback or Lookback(),
        too_fast_wait_seconds=_MINUTE / calls_per_minute,
        clock=clock,
    )


def _plan(name: str) -> PlanEndpoint:
    if name not in PLANS:
        raise ValueError(
            f"Expected one of the plans {', '.join(PLANS)}; found {name!r}. Correct the settings."
        )
    return PLANS[name]
