"""Massive (formerly Polygon): flat files of US stocks over S3 (https://massive.com/docs/flat-files)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.massive.files import RemoteFile, file_key
from flows.handlers.massive.responses import Verdict, judge
from flows.handlers.models import ProviderManifest, RawPayload
from flows.handlers.transport.http_response import host_of
from flows.handlers.transport.redaction import Redactor, guard_loggers
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

ENDPOINT_URL: Final = "https://files.massive.com"
BUCKET: Final = "flatfiles"
ALL_TICKERS: Final = "ALL"

MANIFEST: Final = ProviderManifest(
    name="massive",
    datasets=("trades_v1", "quotes_v1", "minute_aggs_v1", "day_aggs_v1"),
    secrets=("MASSIVE_ACCESS_KEY_ID", "MASSIVE_SECRET_ACCESS_KEY"),
    calendars=MappingProxyType(
        dict.fromkeys(("trades_v1", "quotes_v1", "minute_aggs_v1", "day_aggs_v1"), "XNYS")
    ),
    plans=MappingProxyType({"flat_files": ()}),
)

POLICY: Final = HttpPolicy(connect_timeout_seconds=30.0, read_timeout_seconds=300.0, attempts=5, pool_size=10)

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_LOGGERS: Final = frozenset({"boto3", "botocore"})
_UNREACHED: Final = (BotoCoreError, ClientError, ResponseParserError, HTTPError, OSError)

Response = dict[str, Any]


@dataclass(frozen=True)
class Massive:
    """Massive's file store with one pair of keys; threads may share it. `connect` makes one.

    `client` is boto3's, with its own retries off: `policy` is the only layer that asks again.
    """

    client: Any
    redactor: Redactor
    bucket: str
    policy: HttpPolicy
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    on_retry: OnRetry = ignore_attempt
    _guarded: tuple[logging.Logger, ...] = field(repr=False, default=())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections and takes the filter off the libraries' loggers."""
        self.client.close()
        for logger in self._guarded:
            logger.removeFilter(self.redactor)

    def head(self, dataset: str, day: date) -> RemoteFile:
        """The version of the day's file that the store has now; nothing is downloaded.

        Raises ProviderError: no_data where there is no file (yet), bad_credentials, not_entitled (a
        dataset or a year outside the plan), too_fast, unavailable, malformed, bad_symbol.
        """
        result = retry_policy(self.policy, self.sleep, self.tell)(self.try_head, dataset, day)
        if isinstance(result, AttemptFailure):
            raise result.error
        return result

    def tell(self, failure: AttemptFailure) -> None:
        """Hands on a failed attempt that another one follows."""
        payload = failure.error.payload
        if payload is not None:
            self.on_retry(
                FailedAttempt(
                    *(MANIFEST.name, payload.dataset, payload.symbol, None),
                    *(payload.request, payload.fetched_at, failure.error),
                )
            )

    def try_head(self, dataset: str, day: date) -> RemoteFile | AttemptFailure:
        """One attempt at `head`; a Failure instead of an exception, and how often to try in all.

        The answer to a HEAD has no body that could say why it is refused: the first byte is asked for
        then, so that wrong keys and a plan without the dataset can be told apart.
        """
        if dataset not in MANIFEST.datasets:
            return self._unknown(dataset)
        response = self.try_ask(self.client.head_object, dataset, day)
        if isinstance(response, AttemptFailure) and _status(response) == HTTPStatus.FORBIDDEN:
            explained = self.try_ask(self.client.get_object, dataset, day, Range="bytes=0-0")
            if not isinstance(explained, AttemptFailure):
                explained["Body"].close()
                return response
            return explained
        return response if isinstance(response, AttemptFailure) else self._remote(dataset, day, response)

    def try_ask(
        self, operation: Callable[..., Response], dataset: str, day: date, **params: str
    ) -> Response | AttemptFailure:
        """The response to one call about the day's file, or why there is none."""
        try:
            return operation(Bucket=self.bucket, Key=file_key(dataset, day), **params)
        except _UNREACHED as problem:
            verdict = judge(problem)
        return self.failure(dataset, day, verdict)

    def failure(self, dataset: str, day: date, verdict: Verdict, body: bytes = b"") -> AttemptFailure:
        """The verdict as an error free of secrets; `body` is what the dead letters shall show of a file."""
        now = self.clock()
        payload = RawPayload(
            provider=MANIFEST.name,
            dataset=dataset,
            symbol=ALL_TICKERS,
            interval=None,
            request=f"/{self.bucket}/{file_key(dataset, day)}",
            status=verdict.status,
            content_type=verdict.headers.get("content-type", ""),
            fetched_at=now,
            body=self.redactor.body(body),
            is_simulated=False,
        )
        headers = {name.title(): value for name, value in verdict.headers.items()}
        error = ProviderError(
            verdict.error_class,
            expected=f"{MANIFEST.name} {dataset} of {day}",
            found=self.redactor.text(verdict.found),
            payload=payload,
            retry_after_seconds=retry_after_seconds(headers, now),
            remedy=verdict.remedy,
        )
        # An interrupted or broken file is worth another try: the body given here says nothing about that.
        attempts = 1 if verdict.is_lasting else max_attempts_for(verdict.error_class, b"", self.policy)
        return AttemptFailure(error, attempts)

    def _remote(self, dataset: str, day: date, response: Response) -> RemoteFile | AttemptFailure:
        etag = str(response.get("ETag", "")).strip('"')
        if not etag or "ContentLength" not in response or "LastModified" not in response:
            found = "an answer without ETag, size and date: this is no file of an S3 store"
            return self.failure(
                dataset, day, Verdict(ErrorClass.malformed, found, _http_status(response), {})
            )
        return RemoteFile(
            dataset=dataset,
            day=day,
            key=file_key(dataset, day),
            etag=etag,
            size_bytes=int(response["ContentLength"]),
            last_modified=response["LastModified"],
            is_simulated=response.get("Metadata", {}).get("simulated") == "true",
        )

    def _unknown(self, dataset: str) -> AttemptFailure:
        error = ProviderError(
            ErrorClass.bad_symbol,
            expected=f"a dataset of {', '.join(MANIFEST.datasets)}",
            found=ascii(dataset[:40]),
        )
        return AttemptFailure(error, max_attempts=1)


def connect(
    access_key: str,
    secret_key: str,
    *,
    endpoint_url: str = ENDPOINT_URL,
    bucket: str = BUCKET,
    policy: HttpPolicy = POLICY,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
    on_retry: OnRetry = ignore_attempt,
) -> Massive:
    """The file store, ready to be asked; nothing has been sent yet.

    `on_retry` is told each failed attempt that another one follows. Raises ProviderError(bad_credentials)
    for a missing key, ValueError for a key of fewer than four characters or a URL that is none.
    """
    access_key, secret_key = access_key.strip(), secret_key.strip()
    if not access_key or not secret_key:
        raise ProviderError(
            ErrorClass.bad_credentials,
            expected=f"an S3 access key id and secret access key for {MANIFEST.name}",
            found="none, or one of them only",
            remedy=f"set {' and '.join(MANIFEST.secrets)} (Massive's dashboard shows them under Flat Files)",
        )
    redactor = Redactor([access_key, secret_key])
    client = _client(access_key, secret_key, endpoint_url, policy)
    return Massive(client, redactor, bucket, policy, clock, sleep, on_retry, _guard(redactor))


def _client(access_key: str, secret_key: str, endpoint_url: str, policy: HttpPolicy) -> Any:  # noqa: ANN401 - boto3 has no types
    """boto3's client. A store on this machine is asked without a proxy; checksums come with TLS and gzip."""
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        connect_timeout=policy.connect_timeout_seconds,
        read_timeout=policy.read_timeout_seconds,
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=policy.pool_size,
        proxies={} if host_of(endpoint_url) in _LOOPBACK else None,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.session.Session().client(
        "s3",
        region_name="us-east-1",
        endpoint_url=endpoint_url,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=config,
    )


def _guard(redactor: Redactor) -> tuple[logging.Logger, ...]:
    """The loggers of boto3 and of what it uses, each now filtered: at DEBUG they write signed headers."""
    known = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in _LOGGERS]
    loggers = [logging.getLogger(name) for name in {*_LOGGERS, *known}]
    for logger in loggers:
        logger.addFilter(redactor)
    return (*loggers, *guard_loggers(redactor))


def _status(failure: AttemptFailure) -> int:
    return failure.error.payload.status if failure.error.payload else 0


def _http_status(response: Response) -> int:
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
