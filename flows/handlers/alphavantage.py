"""Alpha Vantage: bars of US stocks, company overviews, exchange rates (https://www.alphavantage.co)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from flows.handlers.alphavantage_answers import classify
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.http_client import HttpClient, Request
from flows.handlers.rate_limits import RateGate
from flows.handlers.records import Manifest, Query, RateLimit, RawRecord
from flows.handlers.redaction import Redactor
from flows.handlers.retries import HttpPolicy

__all__ = ["BASE_URL", "MANIFEST", "AlphaVantage", "classify", "connect"]

BASE_URL: Final = "https://www.alphavantage.co/query"

_DAY_SECONDS: Final = 24 * 60 * 60.0

# A tenth longer than stated: the provider counts when calls arrive, the gate when they leave.
_SECOND: Final = 1.1
_MINUTE: Final = 66.0

MANIFEST: Final = Manifest(
    name="alphavantage",
    datasets=("intraday", "daily", "overview", "fx_daily"),
    secrets=("ALPHAVANTAGE_API_KEY",),
    calendars=MappingProxyType({"intraday": "XNYS", "daily": "XNYS", "overview": "XNYS", "fx_daily": "24/5"}),
    plans=MappingProxyType(
        {
            "free": (RateLimit(1, _SECOND), RateLimit(25, _DAY_SECONDS)),
            "premium": (RateLimit(75, _MINUTE),),
            **{f"premium_{calls}": (RateLimit(calls, _MINUTE),) for calls in (150, 300, 600, 1200)},
            "unmetered": (),
        }
    ),
)

_INTERVALS: Final = frozenset({"1min", "5min", "15min", "30min", "60min"})
_SYMBOL: Final = re.compile(r"[A-Za-z0-9^][A-Za-z0-9.\-^=:/]{0,23}")
_FX_PAIR: Final = re.compile(r"[A-Za-z]{6}")
_MONTH: Final = re.compile(r"20\d\d-(0[1-9]|1[0-2])")
_SHOWN_CHARS: Final = 40


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class AlphaVantage:
    """Fetches from Alpha Vantage with one key under one plan; `connect` makes one that is wired right.

    `clock` gives the present in UTC, and dates the records. Raises ValueError for an unknown plan and for
    an HTTP client that would not redact the key.
    """

    http: HttpClient
    gate: RateGate
    api_key: str = field(repr=False)
    plan: str = "free"
    base_url: str = BASE_URL
    clock: Callable[[], datetime] = _now

    def __post_init__(self) -> None:
        _limits(self.plan)
        key = self.api_key.strip()
        if key and key != "demo" and key in self.http.redactor.text(key):
            raise ValueError("wanted an HTTP client whose redactor knows the API key; use connect()")

    def fetch(self, query: Query) -> Iterator[RawRecord]:
        """The answer to the query, one record, its body untouched but for the key.

        Raises ProviderError when iterated; without any call for a query that makes no sense (bad_symbol)
        and for a missing key (bad_credentials).
        """
        params = _params(query)
        if not self.api_key.strip():
            raise ProviderError(
                ErrorClass.bad_credentials,
                wanted=f"an API key for {MANIFEST.name}",
                found="none",
                remedy=f"set {MANIFEST.secrets[0]} (a free key: https://www.alphavantage.co/support/#api-key)",
            )
        yield self.http.fetch(self._request(query, params), self.gate, self.clock)

    def close(self) -> None:
        """Releases the connections and the rate gate's file."""
        self.http.close()
        self.gate.close()

    def _request(self, query: Query, params: dict[str, str]) -> Request:
        limits = _limits(self.plan)
        return Request(
            provider=MANIFEST.name,
            dataset=query.dataset,
            symbol=query.symbol,
            interval=_interval(query),
            url=self.base_url,
            params=params,
            secret_params={"apikey": self.api_key.strip()},
            classify=partial(classify, wanted=_data_key(query)),
            too_fast_wait_seconds=min((limit.per_seconds for limit in limits), default=_SECOND),
        )


def connect(
    api_key: str,
    state_folder: Path,
    *,
    plan: str = "free",
    base_url: str = BASE_URL,
    clock: Callable[[], datetime] = _now,
    policy: HttpPolicy | None = None,
    max_wait_seconds: float = 60.0,
) -> AlphaVantage:
    """A handler ready to fetch; `state_folder` keeps the calls made, so all runs with one key must share it.

    Raises ProviderError(unavailable) for a folder that cannot be used, ValueError for an unknown plan or a
    key of fewer than four characters.
    """
    limits = _limits(plan)
    gate = RateGate.for_key(
        state_folder, MANIFEST.name, api_key.strip(), limits, max_wait_seconds=max_wait_seconds
    )
    http = HttpClient(Redactor([api_key]), policy)
    return AlphaVantage(http, gate, api_key, plan=plan, base_url=base_url, clock=clock)


def _limits(plan: str) -> tuple[RateLimit, ...]:
    if plan not in MANIFEST.plans:
        raise ValueError(
            f"wanted a plan of {', '.join(MANIFEST.plans)}; found {plan!r}; correct the settings"
        )
    return MANIFEST.plans[plan]


def _params(query: Query) -> dict[str, str]:
    """The URL parameters without the key (https://www.alphavantage.co/documentation/).

    Intraday bars are asked for as traded (`adjusted=false`), with pre-market and post-market.
    """
    if not _SYMBOL.fullmatch(query.symbol) or ".." in query.symbol:
        raise _unusable("a symbol of at most 24 letters, digits and . - ^ = : /", query.symbol)
    output_size = "full" if query.is_full else "compact"
    match query.dataset:
        case "intraday":
            return _intraday_params(query, output_size)
        case "daily":
            return {"function": "TIME_SERIES_DAILY", "symbol": query.symbol, "outputsize": output_size}
        case "overview":
            return {"function": "OVERVIEW", "symbol": query.symbol}
        case "fx_daily":
            return _fx_params(query, output_size)
    raise _unusable(f"a dataset of {', '.join(MANIFEST.datasets)}", query.dataset)


def _intraday_params(query: Query, output_size: str) -> dict[str, str]:
    if query.interval not in _INTERVALS:
        raise _unusable("an interval of 1min, 5min, 15min, 30min, 60min", str(query.interval))
    if query.month is not None and not _MONTH.fullmatch(query.month):
        raise _unusable("a month like 2024-01, from 2000-01 on", query.month)
    return {
        "function": "TIME_SERIES_INTRADAY",
        "symbol": query.symbol,
        "interval": query.interval,
        "adjusted": "false",
        "extended_hours": "true",
        "outputsize": output_size,
        **({"month": query.month} if query.month else {}),
    }


def _fx_params(query: Query, output_size: str) -> dict[str, str]:
    if not _FX_PAIR.fullmatch(query.symbol):
        raise _unusable("a currency pair of six letters like EURUSD", query.symbol)
    return {
        "function": "FX_DAILY",
        "from_symbol": query.symbol[:3],
        "to_symbol": query.symbol[3:],
        "outputsize": output_size,
    }


def _unusable(wanted: str, found: str) -> ProviderError:
    shown = ascii(found[:_SHOWN_CHARS])
    more = f" and {len(found) - _SHOWN_CHARS} characters more" if len(found) > _SHOWN_CHARS else ""
    return ProviderError(ErrorClass.bad_symbol, wanted, f"{shown}{more}")


def _interval(query: Query) -> str | None:
    """The interval under which the record is filed."""
    return {"daily": "1day", "fx_daily": "1day", "overview": None}.get(query.dataset, query.interval)


def _data_key(query: Query) -> str:
    """The top-level key that holds the data; an OVERVIEW is one flat object with the symbol in it."""
    keys = {
        "daily": "Time Series (Daily)",
        "fx_daily": "Time Series FX (Daily)",
        "overview": "Symbol",
    }
    return keys.get(query.dataset, f"Time Series ({query.interval})")
