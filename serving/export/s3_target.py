"""The export target in a bucket of an S3-compatible store."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, cast
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from config.secrets import Secrets
from config.settings import S3Settings
from serving.errors import ServingError
from serving.export.local_target import StoredObject, Write, measure_object, translate_errors

MULTIPART_BYTES: Final = 16 * 1024 * 1024
PART_BYTES: Final = 8 * 1024 * 1024
_PARTS_AT_ONCE: Final = 4
_CONNECTIONS: Final = 64
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_STORE_ERRORS: Final = (BotoCoreError, Boto3Error, ClientError)
_STORE_REFUSALS: Final = {
    "NoSuchBucket": "there is no such bucket; create it, or choose another",
    "InvalidAccessKeyId": "the store does not know the access key; check AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the secret key does not match the access key; check AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": "the session token has expired; get new credentials",
    "InvalidToken": "the session token is not valid; check AWS_SESSION_TOKEN",
    "InvalidTokenId": "the session token is not valid; check AWS_SESSION_TOKEN",
    "AccessDenied": "access is denied; an export needs s3:PutObject and s3:DeleteObject, "
    "with --replace s3:ListBucket",
    "XMinioStorageFull": "the store is full; free some space and export again",
}
_CONNECTION_ERRORS: Final = {
    "NoCredentialsError": "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "PartialCredentialsError": "a credential is missing; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "EndpointConnectionError": "the store does not respond; check that it is running, and its endpoint",
    "ConnectTimeoutError": "the store does not respond; check that it is running, and its endpoint",
    "ParamValidationError": "this is not a valid bucket name",
}


@dataclass(frozen=True)
class S3Bucket:
    """A prefix of a bucket: an object appears when its upload is complete; failed uploads are aborted.

    Objects of `multipart_bytes` or more are uploaded in parts of `part_bytes` by several threads. The parts
    of a killed process are not visible as an object, but take space until the bucket's lifecycle rule
    (AbortIncompleteMultipartUpload) removes them.
    """

    client: Any
    bucket: str
    prefix: str
    multipart_bytes: int = MULTIPART_BYTES
    part_bytes: int = PART_BYTES

    @property
    def destination(self) -> str:
        """The prefix as an S3 URL."""
        return f"s3://{self.bucket}/{self.prefix}"

    def exclusive(self) -> AbstractContextManager[None]:
        """Nothing is locked: an object is whole at any time, but two exports at once mix theirs."""
        return nullcontext()

    def put(self, key: str, content_type: str, write: Write) -> StoredObject:
        """Stores the bytes that `write` writes under `key`, with their SHA-256 as metadata.

        Large objects are buffered on disk.
        """
        with tempfile.SpooledTemporaryFile(max_size=self.multipart_bytes) as spool:
            file = cast(BinaryIO, spool)
            stored = translate_errors(lambda: _write_and_measure(file, write), OSError, _full_disk)
            extra = {"ContentType": content_type, "Metadata": {"sha256": stored.sha256}}
            file.seek(0)
            translate_errors(lambda: self._upload(key, file, stored, extra), _STORE_ERRORS, self._problem)
        return stored

    def remove(self, key: str) -> None:
        """Removes the object if it exists."""
        where = {"Bucket": self.bucket, "Key": self._key(key)}
        translate_errors(lambda: self.client.delete_object(**where), _STORE_ERRORS, self._problem)

    def names(self) -> Iterator[str]:
        """The names of the objects below the prefix."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"{self.prefix}/"
        )
        keys = translate_errors(
            lambda: [entry["Key"] for page in pages for entry in page.get("Contents", ())],
            _STORE_ERRORS,
            self._problem,
        )
        return (key.removeprefix(f"{self.prefix}/") for key in keys)

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}"

    def _upload(self, key: str, file: BinaryIO, stored: StoredObject, extra: dict[str, Any]) -> None:
        where = {"Bucket": self.bucket, "Key": self._key(key)}
        if stored.size_bytes < self.multipart_bytes:
            self.client.put_object(**where, **extra, Body=file.read())
            return
        config = TransferConfig(
            multipart_threshold=self.multipart_bytes,
            multipart_chunksize=self.part_bytes,
            max_concurrency=_PARTS_AT_ONCE,
        )
        self.client.upload_fileobj(file, **where, ExtraArgs=extra, Config=config)

    def _problem(self, error: Exception) -> ServingError:
        """The store's error in our own words: a store's response can repeat secrets that it received."""
        cause = next((link for link in _chain(error) if isinstance(link, ClientError)), error)
        code = cause.response.get("Error", {}).get("Code", "") if isinstance(cause, ClientError) else ""
        kind = type(cause).__name__
        message = (
            _STORE_REFUSALS.get(code)
            or _CONNECTION_ERRORS.get(kind)
            or f"the store refused the request ({code or kind})"
        )
        return ServingError(f"{self.destination}: {message}")


def s3_client(settings: S3Settings, secrets: Secrets) -> Any:  # noqa: ANN401 - boto3 has no types
    """A boto3 client with the lake's endpoint, region and credentials.

    If the secrets have no credentials, boto3 looks for them itself (a profile, an instance's role). No proxy
    is used for a store on this machine.
    """
    endpoint = str(settings.endpoint_url).rstrip("/") if settings.endpoint_url else None
    config = Config(
        s3={"addressing_style": "path" if endpoint else "auto"},
        connect_timeout=10,
        read_timeout=60,
        retries={"total_max_attempts": 5, "mode": "standard"},
        max_pool_connections=_CONNECTIONS,
        proxies={} if endpoint and urlsplit(endpoint).hostname in _LOOPBACK else None,
    )
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    values = {name: getattr(secrets, name) for name in names}
    credentials = {name: value.get_secret_value() for name, value in values.items() if value}
    session = boto3.session.Session(region_name=settings.region)
    return session.client("s3", endpoint_url=endpoint, config=config, **credentials)


def _write_and_measure(file: BinaryIO, write: Write) -> StoredObject:
    write(file)
    return measure_object(file)


def _full_disk(error: Exception) -> ServingError:
    reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
    return ServingError(f"{tempfile.gettempdir()}: no space to buffer an upload ({reason}); set TMPDIR")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
