"""When to ask again, and how long to wait before: the only layer that retries a fetch."""

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
    """How patient the HTTP client is; times in seconds.

    `attempts` counts the first one; a malformed body is asked for `malformed_attempts` times. A provider
    that asks (Retry-After) for more than `max_retry_after_seconds` is not asked again: the error says when.
    `max_transfer_seconds` bounds a body that drips in. `pool_size` is the number of threads.
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
    """One attempt that brought no data, and how many attempts such a failure deserves in all."""

    error: ProviderError
    max_attempts: int


@dataclass(frozen=True)
class FailedAttempt:
    """An attempt that another one followed, so that its error is not the one raised; free of secrets.

    `request` is the question as a record has it; `at` (UTC) is when it had failed; `error.attempt` is its
    number, `error.payload` the redacted answer, None where nothing was received.
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
    """Forgets the attempt: for callers that look at the last error only."""


def max_attempts_for(error_class: ErrorClass, body: bytes, policy: HttpPolicy) -> int:
    """How often a question that was answered so is asked in all.

    Too fast and unavailable pass by themselves. A malformed body is asked for again only where it is no
    whole JSON document (a page, a truncated one): a complete answer that nobody understands will come
    again, and each try costs a call of the quota.
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
    """Tenacity's loop around an attempt that gives back a `AttemptFailure` instead of raising.

    Exceptions (the rate limiter's) pass through unretried. Exponential backoff with jitter, never shorter
    than what the error asks for. Each error gets the number of its attempt. `on_retry` is told each failure
    after which another attempt follows, before the wait for it.
    """
    backoff = wait_exponential_jitter(
        multiplier=policy.backoff_seconds, max=policy.max_backoff_seconds, jitter=policy.backoff_seconds
    )

    def is_worth_another(state: RetryCallState) -> bool:
        _number(state)  # here, because nothing else is called after every attempt
        failure = _attempt_failure(state)
        if failure is None or state.attempt_number >= failure.max_attempts:
            return False
        return (failure.error.retry_after_seconds or 0.0) <= policy.max_retry_after_seconds

    def wait_seconds(state: RetryCallState) -> float:
        failure = _attempt_failure(state)
        asked = failure.error.retry_after_seconds if failure else None
        return max(asked or 0.0, backoff(state))

    def tell(state: RetryCallState) -> None:
        failure = _attempt_failure(state)
        if failure is not None:
            on_retry(failure)

    return Retrying(retry=is_worth_another, wait=wait_seconds, sleep=sleep, before_sleep=tell)


def _number(state: RetryCallState) -> None:
    """Writes into the error of an attempt, returned or raised, which attempt it was."""
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
    """What the header Retry-After asks for, 0 or more; None where it is absent or makes no sense.

    It holds seconds or an HTTP date (RFC 9110, 10.2.3). The date is compared with the answer's own Date
    header where there is one, so that a wrong clock on either side does not matter.
    """
    asked = headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked[:9])
    until = _http_date(asked)
    since = _http_date(headers.get("Date", "")) or now
    return max(0.0, (until - since).total_seconds()) if until else None


def _http_date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
