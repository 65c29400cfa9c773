"""Classifies the errors of Massive's file store: S3's error codes and statuses, and lost connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from botocore.exceptions import ClientError, SSLError
from botocore.parsers import ResponseParserError

from flows.handlers.errors import ErrorClass
from flows.handlers.transport.http_response import root_cause

_MAX_MESSAGE_CHARS: Final = 200

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_CLASS_OF_CODE: Final = {
    "AccessDenied": ErrorClass.not_entitled,
    "AuthorizationHeaderMalformed": ErrorClass.bad_credentials,
    "ExpiredToken": ErrorClass.bad_credentials,
    "InvalidAccessKeyId": ErrorClass.bad_credentials,
    "InvalidToken": ErrorClass.bad_credentials,
    "RequestTimeTooSkewed": ErrorClass.bad_credentials,
    "SignatureDoesNotMatch": ErrorClass.bad_credentials,
    "NoSuchBucket": ErrorClass.bad_symbol,
    "NoSuchKey": ErrorClass.no_data,
    "RequestTimeout": ErrorClass.unavailable,
    "SlowDown": ErrorClass.too_fast,
    "Throttling": ErrorClass.too_fast,
    "TooManyRequests": ErrorClass.too_fast,
}

_CLASS_OF_STATUS: Final[Mapping[int, ErrorClass]] = {
    HTTPStatus.UNAUTHORIZED: ErrorClass.bad_credentials,
    HTTPStatus.FORBIDDEN: ErrorClass.not_entitled,
    HTTPStatus.NOT_FOUND: ErrorClass.no_data,
    HTTPStatus.REQUEST_TIMEOUT: ErrorClass.unavailable,
    HTTPStatus.PRECONDITION_FAILED: ErrorClass.unavailable,
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: ErrorClass.unavailable,
    HTTPStatus.TOO_MANY_REQUESTS: ErrorClass.too_fast,
}

_REMEDIES: Final = {
    "RequestTimeTooSkewed": "set this machine's clock, because the store rejects signatures of another time",
    "NoSuchBucket": "correct the bucket in the provider's settings",
}
_REMEDY_OF_CLASS: Final = {
    ErrorClass.no_data: "do nothing on the day of the session: files are published at about 11:00 New "
    "York on the next day; later, check that the exchange was open",
    ErrorClass.bad_credentials: "set the S3 access key id and secret access key of your Massive dashboard "
    "(not the API key)",
}


@dataclass(frozen=True)
class ClassifiedError:
    """What a refusal or a lost connection means; `found` may still contain secrets.

    `is_permanent` is true if a retry cannot help.
    """

    error_class: ErrorClass
    found: str
    status: int
    headers: dict[str, str]
    remedy: str | None = None
    is_permanent: bool = False


def classify_error(problem: Exception) -> ClassifiedError:
    """The class of an exception that the S3 client raised."""
    if isinstance(problem, ClientError):
        return _classify_client_error(problem.response)
    if isinstance(problem, ResponseParserError):
        return ClassifiedError(ErrorClass.malformed, "a response that is not S3's XML", 0, {})
    found = f"no response or an interrupted one: {root_cause(problem)}"
    return ClassifiedError(ErrorClass.unavailable, found, 0, {}, is_permanent=isinstance(problem, SSLError))


def _classify_client_error(response: Any) -> ClassifiedError:  # noqa: ANN401 - the untyped dictionary of botocore
    """The response to a HEAD has no body, so its code is the status."""
    meta = response.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0))
    code = str(response.get("Error", {}).get("Code", status))
    message = " ".join(str(response.get("Error", {}).get("Message", "")).split())[:_MAX_MESSAGE_CHARS]
    error_class = _CLASS_OF_CODE.get(code) or _class_of_status(status)
    return ClassifiedError(
        error_class,
        f"HTTP {status}, {message}" if code == str(status) else f"HTTP {status}, {code}: {message}",
        status,
        meta.get("HTTPHeaders", {}),
        _REMEDIES.get(code) or _REMEDY_OF_CLASS.get(error_class),
    )


def _class_of_status(status: int) -> ErrorClass:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ErrorClass.unavailable
    return _CLASS_OF_STATUS.get(status, ErrorClass.malformed)
