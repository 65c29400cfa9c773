"""Export targets: the protocol of all of them, and a local folder."""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from serving.errors import ServingError
from serving.export.folder_lock import WAIT_SECONDS, only_export

T = TypeVar("T")
Write = Callable[[BinaryIO], object]


@dataclass(frozen=True)
class StoredObject:
    """The size and hash of a stored object."""

    size_bytes: int
    sha256: str


class ExportTarget(Protocol):
    """A destination for objects; an object exists completely under its name, or not at all.

    Several threads use it. All methods raise a ServingError if the destination cannot be used.
    """

    @property
    def destination(self) -> str:
        """The destination as a path or URL, without secrets."""
        ...

    def exclusive(self) -> AbstractContextManager[None]:
        """While it is open, no other export writes to the destination, as far as the target can tell."""
        ...

    def put(self, key: str, content_type: str, write: Write) -> StoredObject:
        """Stores the bytes that `write` writes under `key`, replacing an existing object."""
        ...

    def remove(self, key: str) -> None:
        """Removes the object if it exists."""
        ...

    def names(self) -> Iterator[str]:
        """The names of all objects."""
        ...


@dataclass(frozen=True)
class LocalFolder:
    """A folder: an object is written to a temporary file next to it, flushed to disk, and renamed.

    A second export into the folder waits `wait_seconds` for the first, and is then refused.
    """

    root: Path
    wait_seconds: float = WAIT_SECONDS

    @property
    def destination(self) -> str:
        """The folder's path."""
        return str(self.root)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """While it is open, no other export writes to the folder; what killed ones left there is removed."""
        lock = only_export(self.root, self.wait_seconds)
        translate_errors(lock.__enter__, OSError, self._problem)
        with ExitStack() as opened:
            opened.push(lock)
            yield

    def put(self, key: str, content_type: str, write: Write) -> StoredObject:  # noqa: ARG002 - files have no content type
        """Stores the bytes that `write` writes under `key`; if killed, it leaves at most a `.part` file."""
        return translate_errors(lambda: self._put(self.root / key, write), OSError, self._problem)

    def remove(self, key: str) -> None:
        """Removes the file if it exists."""
        translate_errors(lambda: (self.root / key).unlink(missing_ok=True), OSError, self._problem)

    def names(self) -> Iterator[str]:
        """The paths of the files in the folder, with `/` on every system."""
        return iter(
            translate_errors(
                lambda: [str(path.relative_to(self.root).as_posix()) for path in self.root.rglob("*.*")],
                OSError,
                self._problem,
            )
        )

    def _put(self, path: Path, write: Write) -> StoredObject:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.parent.resolve().is_relative_to(self.root.resolve()):
            raise ServingError(
                f"{path.parent} leads out of the export's folder by a link; remove the link, or choose "
                "another destination"
            )
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            with part.open("x+b") as file:
                write(file)
                stored = measure_object(file)
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
        return stored

    def _problem(self, error: Exception) -> ServingError:
        assert isinstance(error, OSError)
        path = error.filename or self.root
        if error.errno == ENOSPC:
            return ServingError(f"{self.root}: the disk is full; free some space and export again")
        if isinstance(error, PermissionError):
            return ServingError(
                f"{path}: permission denied; check its owner and permissions, or choose another destination"
            )
        return ServingError(
            f"{path} cannot be written ({error.strerror or error}); choose another destination"
        )


def measure_object(file: BinaryIO) -> StoredObject:
    """The size and SHA-256 of an open file, which is flushed and read from its start."""
    file.flush()
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    return StoredObject(size_bytes, hashlib.file_digest(file, "sha256").hexdigest())  # type: ignore[arg-type] # typeshed wants a readable file object


def translate_errors(
    action: Callable[[], T],
    expected: type[Exception] | tuple[type[Exception], ...],
    to_serving_error: Callable[[Exception], ServingError],
) -> T:
    """The action's result; an expected error is replaced by the one that `to_serving_error` makes of it.

    The replacement is raised outside the handler, so that the original's text (a store's response) is not
    shown as its context.
    """
    try:
        return action()
    except expected as error:
        problem = to_serving_error(error)
    raise problem
