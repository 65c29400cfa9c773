"""Who may write a lake in a bucket: a lease, taken and kept by conditional PUT.

A folder has the operating system's locks; a bucket has none, and Delta on Apache Spark locks inside one
JVM only: two drivers lose commits without an error. The lease is an object that names its holder. It is
created only where there is none (If-None-Match) and renewed only by whoever wrote it last (If-Match).
A holder that died is followed `SECONDS` after its last renewal, by the store's own clock.
"""

import json
import os
import secrets as random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from delta_tables.lake import Lake, LakeError
from delta_tables.object_store import bucket_and_key, is_taken, store_client

SECONDS = 60.0
_NOT_FOUND = 404


class LeaseHeldError(LakeError):
    """Somebody else writes this lake: says who, since when, and when the lease would end."""


@dataclass(frozen=True)
class _Held:
    etag: str
    holder: str
    age_seconds: float


@contextmanager
def lease(lake: Lake, name: str, wait_seconds: float = 0.0, seconds: float = SECONDS) -> Iterator["Lease"]:
    """The lease `name` of a lake in a bucket, held and renewed while the context lasts.

    Raises:
        LeaseHeldError: another holds it, and still did after `wait_seconds`.
        LakeError: the store cannot be asked.
    """
    taken = _take(lake, name, wait_seconds, seconds)
    try:
        yield taken
    finally:
        taken.release()


class Lease:
    """A lease that is held; a thread renews it three times in its span."""

    def __init__(self, lake: Lake, name: str, holder: str, etag: str, seconds: float) -> None:
        self._lake, self._name, self._holder, self._etag, self._seconds = lake, name, holder, etag, seconds
        self._is_over = threading.Event()
        self._lost = ""
        self._renewed_at = time.monotonic()
        self._thread = threading.Thread(target=self._renew_until_over, name=f"lease-{name}", daemon=True)
        self._thread.start()

    def require(self) -> None:
        """Passes while the lease is held for certain; to be asked before each commit.

        Raises:
            LeaseHeldError: it was lost, or could not be renewed in time.
        """
        if self._lost or time.monotonic() - self._renewed_at > self._seconds:
            why = self._lost or "the store did not answer in time"
            raise LeaseHeldError(
                f"the right to write {self._lake.root} was lost ({why}); nothing more is written: run again"
            )

    def release(self) -> None:
        """Gives the lease back, if it is still ours."""
        self._is_over.set()
        self._thread.join(timeout=self._seconds)
        if self._lost:
            return
        bucket, key = bucket_and_key(self._lake, _path(self._name))
        try:
            if _etag_at(store_client(self._lake), bucket, key) == self._etag:
                store_client(self._lake).delete_object(Bucket=bucket, Key=key)
        except (ClientError, BotoCoreError):
            return  # it ends by itself

    def _renew_until_over(self) -> None:
        client = store_client(self._lake)
        bucket, key = bucket_and_key(self._lake, _path(self._name))
        while not self._is_over.wait(self._seconds / 3):
            began = time.monotonic()
            try:
                answer = client.put_object(
                    Bucket=bucket, Key=key, Body=_body(self._holder), IfMatch=self._etag
                )
            except ClientError as error:
                if is_taken(error) or error.response["ResponseMetadata"]["HTTPStatusCode"] == _NOT_FOUND:
                    self._lost = "another took it over"
                    return
            except BotoCoreError:
                continue  # require() says so once it has lasted too long
            else:
                self._etag, self._renewed_at = answer["ETag"], began


def _take(lake: Lake, name: str, wait_seconds: float, seconds: float) -> Lease:
    client = store_client(lake)
    bucket, key = bucket_and_key(lake, _path(name))
    holder = f"{socket.gethostname()} process {os.getpid()} {random.token_hex(4)}"
    deadline = time.monotonic() + wait_seconds
    try:
        while True:
            held = _held(client, bucket, key)
            etag = _write(client, bucket, key, holder, held, seconds)
            if etag:
                return Lease(lake, name, holder, etag, seconds)
            if time.monotonic() >= deadline:
                raise LeaseHeldError(_refusal(lake, name, held, seconds))
            time.sleep(min(1.0, seconds / 10))
    except (ClientError, BotoCoreError) as error:
        raise LakeError(f"{lake.root}: the store cannot be asked for the lease ({error})") from None


def _write(client: Any, bucket: str, key: str, holder: str, held: _Held | None, seconds: float) -> str:  # noqa: ANN401 - boto3
    """The ETag of our lease; empty where another has it."""
    if held and held.age_seconds <= seconds:
        return ""
    condition = {"IfMatch": held.etag} if held else {"IfNoneMatch": "*"}
    try:
        return str(client.put_object(Bucket=bucket, Key=key, Body=_body(holder), **condition)["ETag"])
    except ClientError as error:
        if is_taken(error) or error.response["ResponseMetadata"]["HTTPStatusCode"] == _NOT_FOUND:
            return ""
        raise


def _held(client: Any, bucket: str, key: str) -> _Held | None:  # noqa: ANN401 - boto3 has no types
    try:
        answer = client.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == _NOT_FOUND:
            return None
        raise
    # both instants are the store's: our clock may be wrong
    now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    holder = json.loads(answer["Body"].read()).get("holder", "unknown")
    return _Held(answer["ETag"], holder, (now - answer["LastModified"]).total_seconds())


def _etag_at(client: Any, bucket: str, key: str) -> str:  # noqa: ANN401 - boto3 has no types
    return str(client.head_object(Bucket=bucket, Key=key)["ETag"])


def _refusal(lake: Lake, name: str, held: _Held | None, seconds: float) -> str:
    who = f"{held.holder}, which said so {held.age_seconds:.0f} s ago" if held else "another process"
    return (
        f"{lake.root} is being written ({name}) by {who}; a lake in a bucket has one writer: wait for it, or "
        f"stop it; if it died its right ends {seconds:.0f} s after it was last renewed"
    )


def _body(holder: str) -> bytes:
    """Never twice the same, so that each renewal has an ETag of its own."""
    return json.dumps({"holder": holder, "renewal": random.token_hex(8)}).encode()


def _path(name: str) -> str:
    return f"_lease/{name}.json"
