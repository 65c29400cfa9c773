"""What the machine can do with the bytes of a case: read them, write them, decompress and parse them."""

import os
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from benchmarks.case import LIMIT, NO_ENGINE, Contestant, Work

_PIECE = 8 * 1024 * 1024

Files = Callable[[Path], Sequence[Path]]
Parse = Callable[[Sequence[Path]], int]


def limits(files: Files, parse: Parse) -> tuple[Contestant, ...]:
    """Three rows beside the contestants: `files(inputs)` are the bytes, `parse` gives the values in them.

    Reading is from the disk: the system is told to forget the files before. Writing is into one file, up to
    the end of its fsync.
    """
    return (
        Contestant(f"{LIMIT}read from disk", NO_ENGINE, _reading(files)),
        Contestant(f"{LIMIT}write and fsync", NO_ENGINE, _writing(files)),
        Contestant(f"{LIMIT}decompress and parse", NO_ENGINE, _parsing(files, parse)),
    )


def _reading(files: Files) -> Work:
    def run(inputs: Path, _folder: Path) -> Generator[None]:
        paths = files(inputs)
        for path in paths:
            _forget(path)
        piece = memoryview(bytearray(_PIECE))
        yield
        for path in paths:
            with path.open("rb", buffering=0) as file:
                while file.readinto(piece):
                    pass
        yield

    return run


def _forget(path: Path) -> None:
    """Lets the system drop its copy of the file in memory, once all of it is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _writing(files: Files) -> Work:
    def run(inputs: Path, folder: Path) -> Generator[None]:
        pieces = [path.read_bytes() for path in files(inputs)]
        yield
        with (folder / "written").open("wb", buffering=0) as file:
            for piece in pieces:
                assert file.write(piece) == len(piece)
            os.fsync(file.fileno())
        yield

    return run


def _parsing(files: Files, parse: Parse) -> Work:
    def run(inputs: Path, _folder: Path) -> Generator[None]:
        paths = files(inputs)
        yield
        rows = parse(paths)
        yield
        assert rows, f"no rows in {len(paths)} files"

    return run
