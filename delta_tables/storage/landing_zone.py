"""The files of the landing zone, in a folder or a bucket: stored whole, looked up, deleted."""

import os
import secrets as random
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from errno import EXDEV
from pathlib import Path

from pyarrow import fs

from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.table_commit import sync_folders

LANDING = "landing"  # the landing zone's folder below the lake's root

_COPY_BYTES = 8 * 1024 * 1024


def put_file(lake: Lake, file: Path, path: str) -> None:
    """Moves the file to `path` below the lake's root; readers see the whole file or none.

    Raises:
        LakeError: the file could not be stored.
    """
    with _lake_errors(lake, path):
        if lake.is_s3:
            _upload(lake, file, path)
        else:
            _move(file, Path(lake.root) / path)
            sync_folders([(Path(lake.root) / path).parent], Path(lake.root))


def present_files(lake: Lake, paths: Collection[str]) -> set[str]:
    """The paths below the lake's root, among these, at which there is a file.

    Raises:
        LakeError: the store does not respond.
    """
    with _lake_errors(lake, "The landing zone"):
        store, root = lake.file_system()
        infos = store.get_file_info([f"{root}/{path}" for path in paths]) if paths else []
    return {path for path, info in zip(paths, infos, strict=True) if info.type == fs.FileType.File}


def remove_files(lake: Lake, paths: Collection[str]) -> None:
    """Deletes the files at these paths below the lake's root.

    Raises:
        LakeError: one of them cannot be deleted.
    """
    store, root = lake.file_system()
    for path in paths:
        with _lake_errors(lake, path):
            store.delete_file(f"{root}/{path}")


def _move(file: Path, target: Path) -> None:
    """Renames the file; from another disk, copies it beside the target and renames the synced copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("rb") as received:
            os.fsync(received.fileno())  # after a power failure, a row must not exist without its bytes
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
    """Uploads the file in parts, so that it need not fit in memory, and compares the stored size.

    Arrow completes an upload even if writing stopped halfway; only the comparison detects that.
    """
    store, root = lake.file_system()
    # Without compression=None, Arrow compresses the bytes of a name that ends with .gz once more.
    with file.open("rb") as source, store.open_output_stream(f"{root}/{path}", compression=None) as sink:
        shutil.copyfileobj(source, sink, _COPY_BYTES)
    stored = store.get_file_info(f"{root}/{path}").size
    if stored != file.stat().st_size:
        raise OSError(f"only {stored} of {file.stat().st_size} bytes arrived")
    file.unlink()


@contextmanager
def _lake_errors(lake: Lake, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LakeError(
            f"{what} cannot be accessed in {lake.root} ({error.strerror or error}). Free some space, or "
            "check the store and its permissions, then run again: no file has landed partially."
        ) from None
