"""An HTTP response: read within limits, and classified as far as that needs no provider's knowledge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from typing import Final
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from flows.handlers.errors import ErrorClass
from flows.handlers.stop_signal import StopSignal
from flows.handlers.transport.deadline import ExchangeDeadline
from flows.handlers.transport.retry import HttpPolicy

_CHUNK_BYTES: Final = 64 * 1024
_EXCERPT_CHARS: Final = 200
_CLASS_OF_STATUS: Final[Mapping[int, ErrorClass]] = {
    HTTPStatus.UNAUTHORIZED: ErrorClass.bad_credentials,
    HTTPStatus.FORBIDDEN: ErrorClass.not_entitled,
    HTTPStatus.REQUEST_TIMEOUT: ErrorClass.unavailable,
    HTTPStatus.TOO_EARLY: ErrorClass.unavailable,
    HTTPStatus.TOO_MANY_REQUESTS: ErrorClass.too_fast,
}


@dataclass(frozen=True)
class ResponseError:
    """Why a response is not usable, and how many attempts that allows in total."""

    error_class: ErrorClass
    found: str
    max_attempts: int


@dataclass(frozen=True)
class HttpResponse:
    """Status, headers and as much of the body as arrived; `error` says why the body is incomplete."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    error: ResponseError | None

    @property
    def content_type(self) -> str:
        """The header's value, empty if it is absent."""
        return self.headers.get("Content-Type", "")

    @property
    def redirect(self) -> ResponseError | None:
        """The error for a redirect: following it could send the key to another host. None otherwise."""
        target = self.headers.get("Location")
        if self.status // 100 != HTTPStatus.MULTIPLE_CHOICES // 100 or target is None:
            return None
        found = f"HTTP {self.status}, a redirect to {host_of(target) or 'another path'}"
        return ResponseError(ErrorClass.malformed, found, max_attempts=1)


def read_response(
    stream: requests.Response, policy: HttpPolicy, stop: StopSignal, deadline: ExchangeDeadline
) -> HttpResponse:
    """The response with its body, read in pieces so that its size is limited; `deadline` limits its duration.

    Raises FetchStoppedError if the fetch is stopped before the body ends.
    """
    body = bytearray()
    error = None
    try:
        while error is None and (chunk := stream.raw.read1(_CHUNK_BYTES, decode_content=True)):
            stop.check()
            body += chunk
            error = _out_of_bounds(body, deadline, policy)
    except ReadTimeoutError:
        error = _stalled(body, policy)
    except (HTTPError, HTTPException, OSError, ValueError):
        found = f"HTTP {stream.status_code}, a body cut off after {len(body)} bytes"
        error = ResponseError(ErrorClass.malformed, found, policy.attempts)
    if deadline.is_over:  # what was shut down then looks complete, or cut off
        error = _stalled(body, policy)
    return HttpResponse(stream.status_code, stream.headers, bytes(body), error)


def _out_of_bounds(body: bytearray, deadline: ExchangeDeadline, policy: HttpPolicy) -> ResponseError | None:
    if len(body) > policy.max_body_bytes:
        del body[_CHUNK_BYTES:]
        found = f"a body of more than {policy.max_body_bytes} bytes (only its beginning is kept)"
        return ResponseError(ErrorClass.malformed, found, max_attempts=1)
    return _stalled(body, policy) if deadline.is_over else None


def _stalled(body: bytearray, policy: HttpPolicy) -> ResponseError:
    found = f"a body that stalled after {len(body)} bytes"
    return ResponseError(ErrorClass.unavailable, found, policy.attempts)


def combined_class(status: int, by_body: ErrorClass | None) -> ErrorClass | None:
    """The class by the body if that is specific, otherwise by the status; None for data.

    Only status 200 returns data: the body of an error page may look like anything.
    """
    if status == HTTPStatus.OK:
        return by_body
    if by_body not in {None, ErrorClass.malformed, ErrorClass.no_data}:
        return by_body
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ErrorClass.unavailable
    return _CLASS_OF_STATUS.get(status, ErrorClass.malformed)


def excerpt(body: bytes) -> str:
    """The beginning of a body on one line, without control characters that could forge log lines."""
    text = " ".join(body[: 4 * _EXCERPT_CHARS].decode(errors="replace").split())
    return repr("".join(char if char.isprintable() else "?" for char in text)[:_EXCERPT_CHARS])


def root_cause(problem: BaseException) -> str:
    """The innermost cause: its name and the system's message, because the libraries' own contain the URL."""
    while cause := problem.__cause__ or problem.__context__:
        problem = cause
    if isinstance(problem, OSError) and problem.strerror:
        return f"{type(problem).__name__} ({problem.strerror})"
    return type(problem).__name__


def host_of(url: str) -> str | None:
    """The host named in a URL, None if there is none or the URL is malformed."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
