"""Downloads a flat file: continues what is there, asks again, and lets only whole files through."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError
from filelock import FileLock
from urllib3.exceptions import HTTPError

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.massive.files import (
    BrokenFileError,
    ReceivedFile,
    RemoteFile,
    checked_sha256,
    drop_other_versions,
    lock_path,
    part_path,
    whole_path,
)
from flows.handlers.massive.handler import Massive, Response
from flows.handlers.massive.responses import Verdict, judge
from flows.handlers.transport.retry import AttemptFailure, retry_policy

# Small, because a connection that breaks loses the piece under way.
_CHUNK_BYTES: Final = 64 * 1024
_REPLACED: Final = frozenset({HTTPStatus.PRECONDITION_FAILED, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE})
_PROGRESS_BYTES: Final = 1024 * 1024
_SHOWN_BYTES: Final = 64 * 1024


def download(
    massive: Massive, remote: RemoteFile, folder: Path, is_stopped: Callable[[], bool] = lambda: False
) -> ReceivedFile:
    """The file, whole and checked, in `folder`; `remote` of it is newer if the store replaced it meanwhile.

    A part that an earlier call left (of the same ETag) is continued by a Range request, on the condition
    that the ETag still holds. Attempts are counted in a row without progress (a mebibyte): a large file on
    a bad line arrives in the end. Another process that downloads the same day into the same folder is
    waited for. Once `is_stopped` says so, it ends within a piece (unavailable), its part kept.

    Raises ProviderError (as `Massive.head` does; malformed for a file that is cut or no gzip), and OSError
    where the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    transfer = _Transfer(massive, folder, is_stopped, remote)
    with FileLock(lock_path(folder, remote)):
        result = retry_policy(massive.policy, massive.sleep, massive.tell)(transfer.attempt)
    if isinstance(result, AttemptFailure):
        raise result.error
    return result


class _BrokenOffError(Exception):
    """The connection ended before the file did."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.found)
        self.verdict = verdict


@dataclass
class _Transfer:
    """One file on its way; `remote` is the version that is being received."""

    massive: Massive
    folder: Path
    is_stopped: Callable[[], bool]
    remote: RemoteFile
    is_replaced: bool = False
    tries: int = 0
    spared: int = 0  # the last try that came further than any before, so that no store can hold us for ever
    most_bytes: int = 0

    def attempt(self) -> ReceivedFile | AttemptFailure:
        """One attempt: the rest of the file, then the check."""
        self.tries += 1
        self.most_bytes = max(self.most_bytes, self._received_bytes())
        result = self._refreshed() or self._finish()
        if isinstance(result, ReceivedFile):
            return result
        if self._received_bytes() - self.most_bytes >= _PROGRESS_BYTES:
            self.spared, self.most_bytes = self.tries, self._received_bytes()
        return AttemptFailure(result.error, 1 if self.is_stopped() else result.max_attempts + self.spared)

    def _refreshed(self) -> AttemptFailure | None:
        """None once `remote` is the version in the store, as far as anybody knows."""
        if self.is_replaced:
            found = self.massive.try_head(self.remote.dataset, self.remote.day)
            if isinstance(found, AttemptFailure):
                return found
            self.remote, self.is_replaced = found, False
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
        return ReceivedFile(self.remote, whole, sha256, self.massive.clock())

    def _receive(self, part: Path) -> AttemptFailure | None:
        """None when the part has all its bytes."""
        if self._received_bytes() > self.remote.size_bytes:
            part.unlink()
        had_bytes = self._received_bytes()
        if had_bytes == self.remote.size_bytes and part.exists():
            return None
        response = self._ask(had_bytes)
        if isinstance(response, AttemptFailure):
            return response
        try:
            with part.open("ab" if _is_partial(response) else "wb") as sink:
                for chunk in _chunks(response["Body"], self.is_stopped):
                    sink.write(chunk)
        except _BrokenOffError as broken:
            return self._failure(broken.verdict)
        finally:
            response["Body"].close()
        return self._missing()

    def _ask(self, had_bytes: int) -> Response | AttemptFailure:
        """The file's rest, of this version only: asked by If-Match, and seen by the answer's ETag."""
        condition = {"IfMatch": f'"{self.remote.etag}"'}
        if had_bytes:
            condition["Range"] = f"bytes={had_bytes}-"
        get, remote = self.massive.client.get_object, self.remote
        response = self.massive.try_ask(get, remote.dataset, remote.day, **condition)
        if isinstance(response, AttemptFailure):
            self.is_replaced = _status(response.error) in _REPLACED
            return response
        if str(response.get("ETag", "")).strip('"') != remote.etag or not _continues(response, had_bytes):
            response["Body"].close()
            self.is_replaced = True
            found = "another version, or another part of the file than asked for"
            return self._failure(Verdict(ErrorClass.unavailable, found, HTTPStatus.OK, {}))
        return response

    def _missing(self) -> AttemptFailure | None:
        """None where as much has come as the HEAD promised."""
        received = self._received_bytes()
        if received == self.remote.size_bytes:
            return None
        found = f"{received:,} of {self.remote.size_bytes:,} bytes"
        return self._failure(Verdict(ErrorClass.unavailable, found, HTTPStatus.OK, {}))

    def _reject(self, part: Path, why: str) -> AttemptFailure:
        """Forgets what was received: it is asked for from the start, and the dead letters show its head."""
        with part.open("rb") as received:
            head = received.read(_SHOWN_BYTES)
        part.unlink()
        return self._failure(Verdict(ErrorClass.malformed, why, HTTPStatus.OK, {}), head)

    def _failure(self, verdict: Verdict, body: bytes = b"") -> AttemptFailure:
        return self.massive.failure(self.remote.dataset, self.remote.day, verdict, body)

    def _received_bytes(self) -> int:
        part = part_path(self.folder, self.remote)
        return part.stat().st_size if part.exists() else 0


def _chunks(body: Any, is_stopped: Callable[[], bool]) -> Iterator[bytes]:  # noqa: ANN401 - boto3 has no types
    """The body's pieces; a connection that breaks is told apart from a disk that is full."""
    while chunk := _read(body):
        yield chunk
        if is_stopped():
            raise _BrokenOffError(Verdict(ErrorClass.unavailable, "the run was stopped", 0, {}))


def _read(body: Any) -> bytes:  # noqa: ANN401 - boto3 has no types
    try:
        return bytes(body.read(_CHUNK_BYTES))
    except (BotoCoreError, HTTPError, OSError) as problem:
        verdict = judge(problem)
    raise _BrokenOffError(verdict)


def _is_partial(response: Response) -> bool:
    return bool(response.get("ContentRange"))


def _continues(response: Response, had_bytes: int) -> bool:
    """Whether the answer begins where the part ends; a store that ignores ranges begins anew."""
    return not _is_partial(response) or str(response["ContentRange"]).startswith(f"bytes {had_bytes}-")


def _status(error: ProviderError) -> int:
    return error.payload.status if error.payload else 0
