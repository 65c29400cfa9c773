"""Single calls to Massive's file store: each returns a response, or a failure that says whether to retry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from http import HTTPStatus
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from flows.handlers.errors import ErrorClass, ProviderError, invalid_query
from flows.handlers.massive.files import ALL_TICKERS, DATASETS, PROVIDER, file_key
from flows.handlers.massive.responses import ClassifiedError, classify_error
from flows.handlers.models import RawPayload, RemoteFile
from flows.handlers.stop_signal import StopSignal
from flows.handlers.transport.redaction import Redactor
from flows.handlers.transport.retry import (
    AttemptFailure,
    FailedAttempt,
    HttpPolicy,
    OnRetry,
    ignore_attempt,
    max_attempts_for,
    retry_after_seconds,
)

_CALL_ERRORS: Final = (BotoCoreError, ClientError, ResponseParserError, HTTPError, OSError)

S3Response = dict[str, Any]


@dataclass(frozen=True)
class MassiveStore:
    """Massive's file store with one pair of keys; threads may share it.

    `client` is boto3's with its own retries off: `policy` is the only layer that retries.
    """

    client: Any = field(repr=False)
    redactor: Redactor
    bucket: str
    policy: HttpPolicy
    clock: Callable[[], datetime]
    stop: StopSignal
    sleep: Callable[[float], None]
    on_retry: OnRetry = ignore_attempt

    def report_retry(self, failure: AttemptFailure) -> None:
        """Passes a failed attempt that is retried to `on_retry`."""
        payload = failure.error.payload
        if payload is not None:
            self.on_retry(
                FailedAttempt(
                    *(PROVIDER, payload.dataset, payload.symbol, None),
                    *(payload.request, payload.fetched_at, failure.error),
                )
            )

    def try_head(self, dataset: str, day: date) -> RemoteFile | AttemptFailure:
        """One attempt at the version of the day's file that the store has now.

        The response to a HEAD has no body that could explain a refusal. The first byte is requested then, to
        distinguish wrong keys from a plan without the dataset.
        """
        if dataset not in DATASETS:
            error = invalid_query(f"one of the datasets {', '.join(DATASETS)}", dataset)
            return AttemptFailure(error, max_attempts=1)
        response = self.try_call(self.client.head_object, dataset, day)
        if not isinstance(response, AttemptFailure):
            return self._remote_file(dataset, day, response)
        if http_status(response.error) != HTTPStatus.FORBIDDEN:
            return response
        explained = self.try_call(self.client.get_object, dataset, day, Range="bytes=0-0")
        if isinstance(explained, AttemptFailure):
            return explained
        explained["Body"].close()
        return response

    def try_call(
        self, operation: Callable[..., S3Response], dataset: str, day: date, **params: str
    ) -> S3Response | AttemptFailure:
        """The response to one call about the day's file, or why there is none."""
        self.stop.check()
        try:
            return operation(Bucket=self.bucket, Key=file_key(dataset, day), **params)
        except _CALL_ERRORS as problem:
            classified = classify_error(problem)
        return self.failure(dataset, day, classified)

    def failure(
        self, dataset: str, day: date, classified: ClassifiedError, body: bytes = b""
    ) -> AttemptFailure:
        """The failure, free of secrets; `body` is the part of a file to show in the dead letters."""
        now = self.clock()
        payload = RawPayload(
            provider=PROVIDER,
            dataset=dataset,
            symbol=ALL_TICKERS,
            interval=None,
            request=f"/{self.bucket}/{file_key(dataset, day)}",
            status=classified.status,
            content_type=classified.headers.get("content-type", ""),
            fetched_at=now,
            body=self.redactor.body(body),
            is_simulated=False,
        )
        headers = {name.title(): value for name, value in classified.headers.items()}
        error = ProviderError(
            classified.error_class,
            expected=f"the file {PROVIDER} {dataset} of {day}",
            found=self.redactor.text(classified.found),
            payload=payload,
            retry_after_seconds=retry_after_seconds(headers, now),
            remedy=classified.remedy,
        )
        # An interrupted or broken file is worth a retry, whatever its first bytes are.
        max_attempts = (
            1 if classified.is_permanent else max_attempts_for(classified.error_class, b"", self.policy)
        )
        return AttemptFailure(error, max_attempts)

    def _remote_file(self, dataset: str, day: date, response: S3Response) -> RemoteFile | AttemptFailure:
        etag = str(response.get("ETag", "")).strip('"')
        if not etag or "ContentLength" not in response or "LastModified" not in response:
            status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            found = "a response without ETag, size and date, which is not from an S3 store"
            return self.failure(dataset, day, ClassifiedError(ErrorClass.malformed, found, status, {}))
        return RemoteFile(
            dataset=dataset,
            day=day,
            key=file_key(dataset, day),
            etag=etag,
            size_bytes=int(response["ContentLength"]),
            last_modified=response["LastModified"],
            is_simulated=response.get("Metadata", {}).get("simulated") == "true",
        )


def http_status(error: ProviderError) -> int:
    """The status of the response that the error is about, 0 if there was none."""
    return error.payload.status if error.payload else 0
