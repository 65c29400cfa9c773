"""When to retry a fetch, and how long to wait before: no other layer retries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from tenacity import RetryCallState, Retrying, wait_exponential_jitter

from flows.handlers.errors import ErrorClass, ProviderError

_MIB: Final = 1024 * 1024


@dataclass(frozen=True)
class HttpPolicy:
    """Timeouts, size cap and retries of the HTTP client; times in seconds.

    `attempts` includes the first one; a malformed body is requested `malformed_attempts` times. If a provider
    asks (Retry-After) for a longer wait than `max_retry_after_seconds`, there is no retry and the error holds
    that wait. `max_transfer_seconds` limits how long a whole exchange may take: connection, headers and
    body. `pool_size` is the number of threads.
    """

    connect_timeout_seconds: float = 5.0
    read_timeout_seconds: float = 30.0
    max_transfer_seconds: float = 300.0
    attempts: int = 4
    malformed_attempts: int = 2
    backoff_seconds: float = 0.5
    max_backoff_seconds: float = 20.0
    max_retry_after_seconds: float = 60.0
    max_body_bytes: int = 64 * _MIB
    pool_size: int = 8


@dataclass(frozen=True)
class AttemptFailure:
    """One attempt that returned no data, and how many attempts such a failure allows in total."""

    error: ProviderError
    max_attempts: int


@dataclass(frozen=True)
class FailedAttempt:
    """A failed attempt that was retried, so its error is not the one raised; free of secrets.

    `request` is as in a RawPayload; `at` (UTC) is when the attempt failed; `error.attempt` is its number,
    `error.payload` the redacted response, None if nothing was received.
    """

    provider: str
    dataset: str
    symbol: str
    interval: str | None
    request: str
    at: datetime
    error: ProviderError


OnRetry = Callable[[FailedAttempt], None]


def ignore_attempt(_attempt: FailedAttempt) -> None:
    """Drops the attempt: for callers that need the last error only."""


def max_attempts_for(error_class: ErrorClass, body: bytes, policy: HttpPolicy) -> int:
    """How many attempts a request with this response allows in total.

    The classes too_fast and unavailable are temporary. A malformed body is requested again only if it is not
    a complete JSON document (a web page, a truncated one): a complete but unknown response would come again,
    and each attempt costs a call of the quota.
    """
    if error_class in {ErrorClass.too_fast, ErrorClass.unavailable}:
        return policy.attempts
    stripped = body.strip()
    is_whole_json = (stripped[:1], stripped[-1:]) in {(b"{", b"}"), (b"[", b"]")}
    return policy.malformed_attempts if error_class is ErrorClass.malformed and not is_whole_json else 1


def retry_policy(
    policy: HttpPolicy,
    sleep: Callable[[float], None],
    on_retry: Callable[[AttemptFailure], None] = lambda _failure: None,
) -> Retrying:
    """Tenacity's loop around an attempt that returns an `AttemptFailure` instead of raising.

    Exceptions, such as the rate limiter's, are not retried. The backoff is exponential with jitter, and at
    least as long as the error requires. Each error is given the number of its attempt. `on_retry` receives
    each failure that is retried, before the pause.
    """
    backoff = wait_exponential_jitter(
        multiplier=policy.backoff_seconds, max=policy.max_backoff_seconds, jitter=policy.backoff_seconds
    )

    def is_worth_another(state: RetryCallState) -> bool:
        _number(state)  # here, because tenacity calls nothing else after every attempt
        failure = _attempt_failure(state)
        if failure is None or state.attempt_number >= failure.max_attempts:
            return False
        return (failure.error.retry_after_seconds or 0.0) <= policy.max_retry_after_seconds

    def wait_seconds(state: RetryCallState) -> float:
        failure = _attempt_failure(state)
        required = failure.error.retry_after_seconds if failure else None
        return max(required or 0.0, backoff(state))

    def report(state: RetryCallState) -> None:
        failure = _attempt_failure(state)
        if failure is not None:
            on_retry(failure)

    return Retrying(retry=is_worth_another, wait=wait_seconds, sleep=sleep, before_sleep=report)


def _number(state: RetryCallState) -> None:
    """Sets the number of the attempt in its error, whether returned or raised."""
    failure = _attempt_failure(state)
    raised = state.outcome.exception() if state.outcome and state.outcome.failed else None
    error = failure.error if failure else raised
    if isinstance(error, ProviderError):
        error.attempt = state.attempt_number


def _attempt_failure(state: RetryCallState) -> AttemptFailure | None:
    if state.outcome is None or state.outcome.failed:
        return None
    result = state.outcome.result()
    return result if isinstance(result, AttemptFailure) else None


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """The wait that the header Retry-After requires, 0 or more; None if it is absent or malformed.

    It holds seconds or an HTTP date (RFC 9110, 10.2.3). The date is compared with the response's own Date
    header if there is one, so that a wrong clock on either side does not matter.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    until = _http_date(value)
    since = _http_date(headers.get("Date", "")) or now
    return max(0.0, (until - since).total_seconds()) if until else None


def _http_date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
