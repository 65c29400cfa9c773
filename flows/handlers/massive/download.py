"""Downloads a flat file: resumes a partial one, retries, and returns only whole files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError
from filelock import FileLock
from urllib3.exceptions import HTTPError

from flows.handlers.errors import ErrorClass
from flows.handlers.massive.files import (
    BrokenFileError,
    checked_sha256,
    drop_other_versions,
    lock_path,
    part_path,
    whole_path,
)
from flows.handlers.massive.responses import ClassifiedError, classify_error
from flows.handlers.massive.store import MassiveStore, S3Response, http_status
from flows.handlers.models import ReceivedFile, RemoteFile
from flows.handlers.stop_signal import StopSignal
from flows.handlers.transport.retry import AttemptFailure, retry_policy

# Small, because a connection that breaks loses the piece being read.
_CHUNK_BYTES: Final = 64 * 1024
_REPLACED: Final = frozenset({HTTPStatus.PRECONDITION_FAILED, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE})
_PROGRESS_BYTES: Final = 1024 * 1024
_DEAD_LETTER_BYTES: Final = 64 * 1024


def download_file(store: MassiveStore, remote: RemoteFile, folder: Path) -> ReceivedFile:
    """The whole, verified file in `folder`; its `remote` is newer if the store replaced it meanwhile.

    A part that an earlier call left (of the same ETag) is resumed with a Range request, on condition that
    the ETag is unchanged. Only consecutive attempts without progress (a mebibyte) count, so a large file on
    a bad line arrives in the end. If another process downloads the same day into the same folder, this call
    waits for it.

    Raises ProviderError, OSError and FetchStoppedError as `MassiveClient.download` does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    transfer = _Transfer(store, folder, remote)
    with FileLock(lock_path(folder, remote)):
        result = retry_policy(store.policy, store.sleep, store.report_retry)(transfer.attempt)
    if isinstance(result, AttemptFailure):
        raise result.error
    return result


class _InterruptedError(Exception):
    """The connection ended before the file did."""

    def __init__(self, classified: ClassifiedError) -> None:
        super().__init__(classified.found)
        self.classified = classified


@dataclass
class _Transfer:
    """A file being received; `remote` is its version."""

    store: MassiveStore
    folder: Path
    remote: RemoteFile
    is_replaced: bool = False
    attempts: int = 0
    attempts_with_progress: int = 0  # the last attempt that got further than any before, so retries end
    max_received_bytes: int = 0

    def attempt(self) -> ReceivedFile | AttemptFailure:
        """One attempt: receives the rest of the file, then verifies it."""
        self.attempts += 1
        self.max_received_bytes = max(self.max_received_bytes, self._received_bytes())
        result = self._refreshed() or self._finish()
        if isinstance(result, ReceivedFile):
            return result
        if self._received_bytes() - self.max_received_bytes >= _PROGRESS_BYTES:
            self.attempts_with_progress, self.max_received_bytes = self.attempts, self._received_bytes()
        return AttemptFailure(result.error, result.max_attempts + self.attempts_with_progress)

    def _refreshed(self) -> AttemptFailure | None:
        """None once `remote` is the store's current version, as far as known."""
        if self.is_replaced:
            current = self.store.try_head(self.remote.dataset, self.remote.day)
            if isinstance(current, AttemptFailure):
                return current
            self.remote, self.is_replaced = current, False
        drop_other_versions(self.folder, self.remote)
        return None

    def _finish(self) -> ReceivedFile | AttemptFailure:
        whole, part = whole_path(self.folder, self.remote), part_path(self.folder, self.remote)
        if whole.exists():
            os.replace(whole, part)  # received by a run that was killed before it could use it
        if (failure := self._receive(part)) is not None:
            return failure
        try:
            sha256 = checked_sha256(part)
        except BrokenFileError as broken:
            return self._reject(part, str(broken))
        os.replace(part, whole)
        return ReceivedFile(self.remote, whole, sha256, self.store.clock())

    def _receive(self, part: Path) -> AttemptFailure | None:
        """None once the part has all its bytes."""
        if self._received_bytes() > self.remote.size_bytes:
            part.unlink()
        received_bytes = self._received_bytes()
        if received_bytes == self.remote.size_bytes and part.exists():
            return None
        response = self._get(received_bytes)
        if isinstance(response, AttemptFailure):
            return response
        try:
            with part.open("ab" if _is_partial(response) else "wb") as sink:
                for chunk in _chunks(response["Body"], self.store.stop):
                    sink.write(chunk)
        except _InterruptedError as interrupted:
            return self._failure(interrupted.classified)
        finally:
            response["Body"].close()
        return self._incomplete()

    def _get(self, received_bytes: int) -> S3Response | AttemptFailure:
        """The rest of the file, of this version only: If-Match requires it, and the ETag confirms it."""
        condition = {"IfMatch": f'"{self.remote.etag}"'}
        if received_bytes:
            condition["Range"] = f"bytes={received_bytes}-"
        get, remote = self.store.client.get_object, self.remote
        response = self.store.try_call(get, remote.dataset, remote.day, **condition)
        if isinstance(response, AttemptFailure):
            self.is_replaced = http_status(response.error) in _REPLACED
            return response
        if str(response.get("ETag", "")).strip('"') != remote.etag or not _continues(
            response, received_bytes
        ):
            response["Body"].close()
            self.is_replaced = True
            return self._unavailable("another version, or another part of the file than requested")
        return response

    def _incomplete(self) -> AttemptFailure | None:
        """None if as many bytes arrived as the HEAD announced."""
        received_bytes = self._received_bytes()
        if received_bytes == self.remote.size_bytes:
            return None
        return self._unavailable(f"{received_bytes:,} of {self.remote.size_bytes:,} bytes")

    def _reject(self, part: Path, why: str) -> AttemptFailure:
        """Deletes what was received, so that it is requested again; the dead letters show its beginning."""
        with part.open("rb") as received:
            beginning = received.read(_DEAD_LETTER_BYTES)
        part.unlink()
        return self._failure(ClassifiedError(ErrorClass.malformed, why, HTTPStatus.OK, {}), beginning)

    def _unavailable(self, found: str) -> AttemptFailure:
        return self._failure(ClassifiedError(ErrorClass.unavailable, found, HTTPStatus.OK, {}))

    def _failure(self, classified: ClassifiedError, body: bytes = b"") -> AttemptFailure:
        return self.store.failure(self.remote.dataset, self.remote.day, classified, body)

    def _received_bytes(self) -> int:
        part = part_path(self.folder, self.remote)
        return part.stat().st_size if part.exists() else 0


def _chunks(body: Any, stop: StopSignal) -> Iterator[bytes]:  # noqa: ANN401 - boto3 has no types
    """The pieces of the body; a broken connection raises another error than a full disk."""
    while chunk := _read(body):
        yield chunk
        stop.check()


def _read(body: Any) -> bytes:  # noqa: ANN401 - boto3 has no types
    try:
        return bytes(body.read(_CHUNK_BYTES))
    except (BotoCoreError, HTTPError, OSError) as problem:
        classified = classify_error(problem)
    raise _InterruptedError(classified)


def _is_partial(response: S3Response) -> bool:
    return bool(response.get("ContentRange"))


def _continues(response: S3Response, received_bytes: int) -> bool:
    """Whether the response begins where the part ends; a store that ignores ranges sends the whole file."""
    return not _is_partial(response) or str(response["ContentRange"]).startswith(f"bytes {received_bytes}-")
