"""The right of one export to write a folder, and the end of what killed exports left there."""

import errno
import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from serving.errors import ServingError

WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.1
_LOCK_NAME = ".export.lock"
_LEFTOVER = re.compile(r"\..+\.[0-9a-f]{8}\.part")  # the temporary files of LocalFolder
_UNSUPPORTED = (errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOTSUP)


@contextmanager
def only_export(folder: Path, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """While it is open, no other export writes the folder, which is created; waits for one that does.

    The lock is on the folder itself, so it leaves no file, and the operating system releases it with the
    process that holds it, even after `kill -9`. On file systems without such locks (NFS) it is on a file
    `.export.lock`. Temporary files in the folder are then those of killed exports, and are removed.

    Raises:
        ServingError: another export is still writing after `wait_seconds`.
        OSError: the folder cannot be created or opened.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _locked(handle, folder, time.monotonic() + wait_seconds):
            remove_leftovers(folder)
            yield
            return
        with _file_lock(folder, wait_seconds):
            remove_leftovers(folder)
            yield
    finally:
        os.close(handle)


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files below the folder; the caller is its only export."""
    for path in folder.rglob("*.part"):
        if _LEFTOVER.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _locked(handle: int, folder: Path, deadline: float) -> bool:
    """True once the folder is locked; False if its file system cannot lock folders."""
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise _busy(folder) from None
            time.sleep(_POLL_SECONDS)
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                return False
            raise
        else:
            return True


@contextmanager
def _file_lock(folder: Path, wait_seconds: float) -> Iterator[None]:
    lock = FileLock(folder / _LOCK_NAME)
    try:
        lock.acquire(timeout=wait_seconds)
    except Timeout:
        raise _busy(folder) from None
    try:
        yield
    finally:
        lock.release()


def _busy(folder: Path) -> ServingError:
    return ServingError(
        f"another export is writing to {folder}; wait until it has finished, or choose another destination"
    )
