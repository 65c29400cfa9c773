"""Where an export goes: a folder; and what any place must be able to do."""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from serving.errors import ServingError

Found = TypeVar("Found")
Write = Callable[[BinaryIO], object]


@dataclass(frozen=True)
class StoredObject:
    """What a stored object holds."""

    size_bytes: int
    sha256: str


class ExportTarget(Protocol):
    """A place for objects, each of which is there whole under its name, or not at all.

    Threads share it. Each method raises ServingError where the place does not let itself be used.
    """

    @property
    def destination(self) -> str:
        """The place as a person names it; no secrets."""
        ...

    def put(self, key: str, content_type: str, write: Write) -> StoredObject:
        """Stores what `write` writes under `key`, in place of what was there."""
        ...

    def remove(self, key: str) -> None:
        """Removes the object, if there is one."""
        ...

    def names(self) -> Iterator[str]:
        """The names of all objects there are."""
        ...


@dataclass(frozen=True)
class LocalFolder:
    """A folder. An object is written under another name beside its own, flushed to the disk, and renamed."""

    root: Path

    @property
    def destination(self) -> str:
        """The folder's path."""
        return str(self.root)

    def put(self, key: str, content_type: str, write: Write) -> StoredObject:  # noqa: ARG002 - files have none
        """Stores what `write` writes under `key`; a process that is killed leaves a `.part` file at most."""
        return translate_errors(lambda: self._put(self.root / key, write), OSError, self._problem)

    def remove(self, key: str) -> None:
        """Removes the file, if there is one."""
        translate_errors(lambda: (self.root / key).unlink(missing_ok=True), OSError, self._problem)

    def names(self) -> Iterator[str]:
        """The files' paths in the folder, with `/` on every system."""
        return iter(
            translate_errors(
                lambda: [str(item.relative_to(self.root).as_posix()) for item in self.root.rglob("*.*")],
                OSError,
                self._problem,
            )
        )

    def _put(self, path: Path, write: Write) -> StoredObject:
        path.parent.mkdir(parents=True, exist_ok=True)
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
        where = error.filename or self.root
        if error.errno == ENOSPC:
            return ServingError(f"{self.root}: the disk is full; free some space and export again")
        if isinstance(error, PermissionError):
            return ServingError(
                f"{where}: may not be written; check its owner and rights, or name another place"
            )
        return ServingError(f"{where}: cannot be written ({error.strerror or error}); name another place")


def measure_object(file: BinaryIO) -> StoredObject:
    """Size and SHA-256 of what was written to the file, which then stands at its end and is flushed."""
    file.flush()
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    return StoredObject(size_bytes, hashlib.file_digest(file, "sha256").hexdigest())  # type: ignore[arg-type] # a file


def translate_errors(
    action: Callable[[], Found],
    expected: type[Exception] | tuple[type[Exception], ...],
    tell: Callable[[Exception], ServingError],
) -> Found:
    """What the action gives; an expected error becomes the one that `tell` makes of it.

    Raised apart from the first, whose text (an answer of the store) is then shown nowhere.
    """
    try:
        return action()
    except expected as error:
        problem = tell(error)
    raise problem
