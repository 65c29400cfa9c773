"""The one module that speaks HTTP: it asks, waits, asks again, and gives back bytes or a ProviderError."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Final, Protocol, Self
from urllib.parse import urlencode, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import RawPayload
from flows.handlers.transport.http_response import (
    HttpResponse,
    ResponseError,
    combine,
    excerpt,
    host_of,
    read_response,
    reason,
)
from flows.handlers.transport.redaction import REDACTED, Redactor, guard_loggers
from flows.handlers.transport.retry import (
    AttemptFailure,
    FailedAttempt,
    HttpPolicy,
    OnRetry,
    ignore_attempt,
    max_attempts_for,
    retry_after_seconds,
    retry_policy,
)

_NO_PROXY: Final = {"http": None, "https": None, "all": None}


@dataclass(frozen=True)
class Request:
    """One GET, and how to judge its answer.

    `secret_params` go into the URL like `params` and are shown nowhere; `secret_headers` are sent like
    `headers`, of which none is part of the question. `classify` gives None for a body that is data.
    `too_fast_wait_seconds` is the least wait after an answer that says too fast.
    """

    provider: str
    dataset: str
    symbol: str
    interval: str | None
    url: str
    params: Mapping[str, str]
    secret_params: Mapping[str, str] = field(repr=False)
    classify: Callable[[bytes, str], ErrorClass | None] = field(repr=False)
    too_fast_wait_seconds: float = 1.0
    headers: Mapping[str, str] = field(default_factory=dict)
    secret_headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def canonical(self) -> str:
        """Path and parameters in sorted order, secrets shown as REDACTED: equal questions look equal."""
        shown = {**self.params, **dict.fromkeys(self.secret_params, REDACTED)}
        return f"{urlsplit(self.url).path}?{urlencode(sorted(shown.items()))}"

    @property
    def wanted(self) -> str:
        """The question in words, for an error."""
        return " ".join(filter(None, (self.provider, self.dataset, "of", self.symbol, self.interval)))


class CallLimiter(Protocol):
    """Whatever lets calls through at a permitted rate."""

    def acquire(self, name: str) -> None:
        """Returns when the call may be made."""


class HttpClient:
    """A pool of connections that keeps secrets in. Threads may share it; close it, or use it in `with`."""

    def __init__(
        self,
        redactor: Redactor,
        policy: HttpPolicy | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        on_retry: OnRetry = ignore_attempt,
    ) -> None:
        """`on_retry` is told each failed attempt that another one follows, in the thread that fetches."""
        self.redactor = redactor
        self.policy = policy or HttpPolicy()
        self._sleep = sleep
        self.on_retry = on_retry
        self._session = _session(self.policy.pool_size)
        self._guarded = guard_loggers(redactor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections and takes the filter off the libraries' loggers."""
        self._session.close()
        for logger in self._guarded:
            logger.removeFilter(self.redactor)

    def fetch(self, request: Request, limiter: CallLimiter, clock: Callable[[], datetime]) -> RawPayload:
        """The answer that is data. Each attempt passes the limiter first; `clock` (UTC) dates the answer.

        Raises ProviderError, and nothing else, for all that can go wrong outside. No exception is chained
        to it: those of the HTTP libraries carry the URL with the key.
        """
        tell = partial(self._tell, request, clock)
        result = retry_policy(self.policy, self._sleep, tell)(self._attempt, request, limiter, clock)
        if isinstance(result, AttemptFailure):
            raise result.error
        return result

    def _tell(self, request: Request, clock: Callable[[], datetime], failure: AttemptFailure) -> None:
        payload = failure.error.payload
        self.on_retry(
            FailedAttempt(
                provider=request.provider,
                dataset=request.dataset,
                symbol=self.redactor.text(request.symbol),
                interval=request.interval,
                request=self.redactor.text(request.canonical),
                at=payload.fetched_at if payload else clock(),
                error=failure.error,
            )
        )

    def _attempt(
        self, request: Request, limiter: CallLimiter, clock: Callable[[], datetime]
    ) -> RawPayload | AttemptFailure:
        limiter.acquire(request.provider)
        try:
            with self._get(request) as stream:
                response = read_response(stream, self.policy)
        except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as problem:
            return self._no_response(request, problem)
        payload = self._payload(request, response, clock())
        error = response.error or response.redirect or self._judge(request, payload)
        return payload if error is None else self._failure(request, response, payload, error)

    def _get(self, request: Request) -> requests.Response:
        """The answer's head; redirects are not followed, because they would carry the key elsewhere."""
        return self._session.get(
            request.url,
            params={**request.params, **request.secret_params},
            headers={**request.headers, **request.secret_headers},
            timeout=(self.policy.connect_timeout_seconds, self.policy.read_timeout_seconds),
            proxies=_NO_PROXY if _is_loopback(request.url) else None,  # type: ignore[arg-type]  # None switches one off
            allow_redirects=False,
            stream=True,
        )

    def _payload(self, request: Request, response: HttpResponse, fetched_at: datetime) -> RawPayload:
        return RawPayload(
            provider=request.provider,
            dataset=request.dataset,
            symbol=request.symbol,
            interval=request.interval,
            request=self.redactor.text(request.canonical),
            status=response.status,
            content_type=self.redactor.text(response.content_type),
            fetched_at=fetched_at,
            body=self.redactor.body(response.body),
            is_simulated=response.headers.get("X-Simulated", "").lower() == "true",
        )

    def _judge(self, request: Request, payload: RawPayload) -> ResponseError | None:
        """None where the record is data."""
        error_class = combine(payload.status, request.classify(payload.body, payload.content_type))
        if error_class is None:
            return None
        found = f"HTTP {payload.status} {payload.content_type}: {excerpt(payload.body)}"
        return ResponseError(error_class, found, max_attempts_for(error_class, payload.body, self.policy))

    def _failure(
        self, request: Request, response: HttpResponse, payload: RawPayload, problem: ResponseError
    ) -> AttemptFailure:
        wait_seconds = retry_after_seconds(response.headers, payload.fetched_at)
        if problem.error_class is ErrorClass.too_fast:
            wait_seconds = max(wait_seconds or 0.0, request.too_fast_wait_seconds)
        error = ProviderError(
            problem.error_class,
            wanted=self.redactor.text(request.wanted),
            found=self.redactor.text(problem.found),
            payload=payload,
            retry_after_seconds=wait_seconds,
        )
        return AttemptFailure(error, problem.max_attempts)

    def _no_response(self, request: Request, problem: Exception) -> AttemptFailure:
        is_passing = isinstance(problem, requests.ConnectionError | requests.Timeout)
        is_certificate = isinstance(problem, requests.exceptions.SSLError)
        error = ProviderError(
            ErrorClass.unavailable,
            wanted=self.redactor.text(request.wanted),
            found=f"no answer from {host_of(request.url)}: {reason(problem)}",
        )
        return AttemptFailure(error, self.policy.attempts if is_passing and not is_certificate else 1)


def _session(pool_size: int) -> requests.Session:
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=pool_size, pool_maxsize=pool_size, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers["User-Agent"] = "market-lakehouse"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.auth = _no_auth
    return session


def _no_auth(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """The request unchanged. Without it requests would add a password from ~/.netrc."""
    return prepared


def _is_loopback(url: str) -> bool:
    host = host_of(url) or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
