"""The bytes of the landing area, in a folder or a bucket: put there whole, looked for, removed."""

import os
import secrets as random
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from errno import EXDEV
from pathlib import Path

from pyarrow import fs

from delta_tables.storage.lake import Lake, LakeError

_COPY_BYTES = 8 * 1024 * 1024


def put_file(lake: Lake, file: Path, path: str) -> None:
    """Moves the file to `path` below the lake's root; a reader sees all of it or nothing.

    Raises:
        LakeError: it could not be stored.
    """
    with _lake_errors(lake, path):
        if lake.is_s3:
            _upload(lake, file, path)
        else:
            _move(file, Path(lake.root) / path)


def present_files(lake: Lake, paths: Collection[str]) -> set[str]:
    """Those of the paths below the lake's root that hold bytes.

    Raises:
        LakeError: the store cannot be asked.
    """
    with _lake_errors(lake, "the landing area"):
        store, root = lake.file_system()
        found = store.get_file_info([f"{root}/{path}" for path in paths]) if paths else []
    return {path for path, info in zip(paths, found, strict=True) if info.type == fs.FileType.File}


def remove_files(lake: Lake, paths: Collection[str]) -> None:
    """Removes the bytes at these paths below the lake's root.

    Raises:
        LakeError: one of them cannot be removed.
    """
    store, root = lake.file_system()
    for path in paths:
        with _lake_errors(lake, path):
            store.delete_file(f"{root}/{path}")


def _move(file: Path, target: Path) -> None:
    """By renaming; from another disk by a copy beside the target, renamed once it is on the disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("rb") as received:
            os.fsync(received.fileno())  # a row must not outlive its bytes when the power fails
        os.replace(file, target)
    except OSError as error:
        if error.errno != EXDEV:
            raise
        copied = target.with_name(f".{target.name}.{random.token_hex(4)}.tmp")
        try:
            with file.open("rb") as source, copied.open("wb") as sink:
                shutil.copyfileobj(source, sink, _COPY_BYTES)
                sink.flush()
                os.fsync(sink.fileno())
            os.replace(copied, target)
        finally:
            copied.unlink(missing_ok=True)
        file.unlink()


def _upload(lake: Lake, file: Path, path: str) -> None:
    """In parts, so its size and our memory have nothing to do with each other; then the size is compared.

    Arrow completes an upload even when it was given half: only the comparison shows that.
    """
    store, root = lake.file_system()
    # Without compression=None a name that ends with .gz makes Arrow compress the bytes once more.
    with file.open("rb") as source, store.open_output_stream(f"{root}/{path}", compression=None) as sink:
        shutil.copyfileobj(source, sink, _COPY_BYTES)
    stored = store.get_file_info(f"{root}/{path}").size
    if stored != file.stat().st_size:
        raise OSError(f"{stored} of {file.stat().st_size} bytes arrived")
    file.unlink()


@contextmanager
def _lake_errors(lake: Lake, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LakeError(
            f"{what}: not possible in {lake.root} ({error.strerror or error}); free space or check the "
            "store and its rights, then run again: nothing is half-landed"
        ) from None
