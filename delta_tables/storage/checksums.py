"""SHA-256 of each file of a table in a folder, taken when it was written, so that later changes are found.

They are in `_checksums/<layer>.<table>.sha256` below the lake's root, in the format of sha256sum: in the
lake's folder, `sha256sum --check --ignore-missing _checksums/*.sha256` compares them. A bucket's store has
checksums of its own.
"""

import hashlib
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from filelock import FileLock

from delta_tables.storage.lake import Lake, Named

_FOLDER = "_checksums"
_HEX_CHARS = 64
_ERRORS = "surrogateescape"  # a name need not be UTF-8
_OVERWRITTEN = "_last_checkpoint"


def record_checksums(lake: Lake, table: Named, files: Iterable[Path]) -> None:
    """Adds the checksums of these files, which are below the lake's root.

    Raises:
        OSError: a file cannot be read, or the disk is full.
    """
    root = Path(lake.root)
    lines = [f"{sha256_of(file)}  {file.relative_to(root)}\n" for file in files if file.name != _OVERWRITTEN]
    if not lines:
        return
    place = checksums_file(lake, table)
    place.parent.mkdir(exist_ok=True)
    with (
        FileLock(place.with_suffix(".lock")),
        place.open("a", encoding="utf-8", errors=_ERRORS) as out,
    ):
        out.write("".join(lines))


def recorded_checksums(lake: Lake, table: Named) -> dict[str, str]:
    """The checksums that were recorded, by the path below the lake's root; the newest of each path."""
    return parse_checksums(checksums_file(lake, table))


def parse_checksums(file: Path) -> dict[str, str]:
    """The checksums in a file, by path; empty where there is none. A cut line is left out."""
    try:
        text = file.read_text(encoding="utf-8", errors=_ERRORS)
    except FileNotFoundError:
        return {}
    lines = (line for line in text.splitlines() if line[_HEX_CHARS : _HEX_CHARS + 2] == "  ")
    return {line[_HEX_CHARS + 2 :]: line[:_HEX_CHARS] for line in lines}


def keep_checksums(lake: Lake, table: Named, paths: Collection[str]) -> None:
    """Drops the checksums of all files but these.

    Raises:
        OSError: the disk is full.
    """
    place = checksums_file(lake, table)
    if not place.exists():
        return
    with FileLock(place.with_suffix(".lock")):
        kept = {path: sha for path, sha in recorded_checksums(lake, table).items() if path in paths}
        written = place.with_suffix(".tmp")
        lines = "".join(f"{sha}  {path}\n" for path, sha in kept.items())
        written.write_text(lines, encoding="utf-8", errors=_ERRORS)
        os.replace(written, place)


def sha256_of(file: Path) -> str:
    """The file's SHA-256, in hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def checksums_file(lake: Lake, table: Named) -> Path:
    """Where the checksums of the table's files are."""
    return Path(lake.root) / _FOLDER / f"{table.layer}.{table.name}.sha256"
