"""The HTTP client: it sends a request, retries it, and returns a payload or raises a ProviderError."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Final, Protocol, Self
from urllib.parse import urlencode, urlsplit

import requests
from urllib3.exceptions import HTTPError

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import RawPayload
from flows.handlers.stop_signal import StopSignal
from flows.handlers.transport.deadline import DeadlineAdapter, ExchangeDeadline
from flows.handlers.transport.http_response import (
    HttpResponse,
    ResponseError,
    combined_class,
    excerpt,
    host_of,
    read_response,
    root_cause,
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
class HttpRequest:
    """One GET request, and how to classify its response.

    `secret_params` go into the URL like `params` but are never shown; `secret_headers` are sent like
    `headers`. Headers do not identify a request. `classify_response` returns None for a body that is data.
    `too_fast_wait_seconds` is the minimum wait after a response of the class too_fast.
    """

    provider: str
    dataset: str
    symbol: str
    interval: str | None
    url: str
    params: Mapping[str, str]
    secret_params: Mapping[str, str] = field(repr=False)
    classify_response: Callable[[bytes, str], ErrorClass | None] = field(repr=False)
    too_fast_wait_seconds: float = 1.0
    headers: Mapping[str, str] = field(default_factory=dict)
    secret_headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def canonical(self) -> str:
        """Path and parameters in sorted order, secrets shown as REDACTED: equal for equal requests."""
        shown = {**self.params, **dict.fromkeys(self.secret_params, REDACTED)}
        return f"{urlsplit(self.url).path}?{urlencode(sorted(shown.items()))}"

    @property
    def description(self) -> str:
        """The request in words, for an error."""
        return " ".join(filter(None, (self.provider, self.dataset, "data for", self.symbol, self.interval)))


class CallLimiter(Protocol):
    """Anything that lets calls through at a permitted rate."""

    def acquire(self, name: str) -> None:
        """Returns when the call may be made."""


class HttpClient:
    """A pool of connections that keeps secrets in. Threads may share it; close it, or use it in `with`."""

    def __init__(
        self,
        redactor: Redactor,
        policy: HttpPolicy | None = None,
        *,
        stop: StopSignal | None = None,
        sleep: Callable[[float], None] | None = None,
        on_retry: OnRetry = ignore_attempt,
    ) -> None:
        """`on_retry` receives each failed attempt that is retried, in the thread that fetches.

        `stop` ends pauses and transfers. Tests replace the pauses between attempts by `sleep`.
        """
        self.redactor = redactor
        self.policy = policy or HttpPolicy()
        self.stop = stop or StopSignal()
        self._sleep = sleep or self.stop.sleep
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

    def fetch(self, request: HttpRequest, limiter: CallLimiter, clock: Callable[[], datetime]) -> RawPayload:
        """The response that is data. Each attempt passes the limiter first; `clock` (UTC) dates it.

        Raises ProviderError for everything that can go wrong outside, FetchStoppedError if the fetch is
        stopped. No exception is chained to it: those of the HTTP libraries hold the URL with the key.
        """
        report = partial(self._report_retry, request, clock)
        result = retry_policy(self.policy, self._sleep, report)(self._attempt, request, limiter, clock)
        if isinstance(result, AttemptFailure):
            raise result.error
        return result

    def _report_retry(
        self, request: HttpRequest, clock: Callable[[], datetime], failure: AttemptFailure
    ) -> None:
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
        self, request: HttpRequest, limiter: CallLimiter, clock: Callable[[], datetime]
    ) -> RawPayload | AttemptFailure:
        limiter.acquire(request.provider)
        with ExchangeDeadline(self.policy.max_transfer_seconds) as deadline:
            try:
                with self._get(request) as stream:
                    response = read_response(stream, self.policy, self.stop, deadline)
            except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as problem:
                return self._no_response(request, problem, is_late=deadline.is_over)
        payload = self._payload(request, response, clock())
        error = response.error or response.redirect or self._classified(request, payload)
        return payload if error is None else self._failure(request, response, payload, error)

    def _get(self, request: HttpRequest) -> requests.Response:
        """The response's headers; redirects are not followed, because they would send the key elsewhere."""
        return self._session.get(
            request.url,
            params={**request.params, **request.secret_params},
            headers={**request.headers, **request.secret_headers},
            timeout=(self.policy.connect_timeout_seconds, self.policy.read_timeout_seconds),
            proxies=_NO_PROXY if _is_loopback(request.url) else None,  # type: ignore[arg-type]  # None switches one off
            allow_redirects=False,
            stream=True,
        )

    def _payload(self, request: HttpRequest, response: HttpResponse, fetched_at: datetime) -> RawPayload:
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

    def _classified(self, request: HttpRequest, payload: RawPayload) -> ResponseError | None:
        """None if the payload is data."""
        by_body = request.classify_response(payload.body, payload.content_type)
        error_class = combined_class(payload.status, by_body)
        if error_class is None:
            return None
        found = f"HTTP {payload.status} {payload.content_type}: {excerpt(payload.body)}"
        return ResponseError(error_class, found, max_attempts_for(error_class, payload.body, self.policy))

    def _failure(
        self, request: HttpRequest, response: HttpResponse, payload: RawPayload, problem: ResponseError
    ) -> AttemptFailure:
        wait_seconds = retry_after_seconds(response.headers, payload.fetched_at)
        if problem.error_class is ErrorClass.too_fast:
            wait_seconds = max(wait_seconds or 0.0, request.too_fast_wait_seconds)
        error = ProviderError(
            problem.error_class,
            expected=self.redactor.text(request.description),
            found=self.redactor.text(problem.found),
            payload=payload,
            retry_after_seconds=wait_seconds,
        )
        return AttemptFailure(error, problem.max_attempts)

    def _no_response(self, request: HttpRequest, problem: Exception, *, is_late: bool) -> AttemptFailure:
        is_temporary = is_late or isinstance(problem, requests.ConnectionError | requests.Timeout)
        late = f"nothing complete within {self.policy.max_transfer_seconds:g} s"
        is_certificate = isinstance(problem, requests.exceptions.SSLError)
        error = ProviderError(
            ErrorClass.unavailable,
            expected=self.redactor.text(request.description),
            found=f"no response from {host_of(request.url)}: {late if is_late else root_cause(problem)}",
        )
        return AttemptFailure(error, self.policy.attempts if is_temporary and not is_certificate else 1)


def _session(pool_size: int) -> requests.Session:
    session = requests.Session()
    adapter = DeadlineAdapter(pool_connections=pool_size, pool_maxsize=pool_size, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers["User-Agent"] = "market-lakehouse"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.auth = _no_auth
    return session


def _no_auth(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """The request unchanged. Without this, requests would add a password from ~/.netrc."""
    return prepared


def _is_loopback(url: str) -> bool:
    host = host_of(url) or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
