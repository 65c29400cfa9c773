"""Where a command may write: not into the lake, the state folder, or a folder of passwords."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.errors import ServingError

PASSWORDS = ".secrets"
_GENERATOR = b'<meta name="generator" content="market-lakehouse">'
_HEAD_BYTES = 4096  # the generator's name is at the start of a report


@dataclass(frozen=True)
class OwnFolder:
    """A folder that only the lakehouse itself writes, and what it is called in messages."""

    what: str
    path: Path


def require_foreign(path: Path, own_folders: Sequence[OwnFolder]) -> None:
    """Returns if a file or folder at `path`, links followed, is in no folder of the lakehouse itself.

    Raises:
        ServingError: it is; a file there would be taken for a table's, or would replace one.
    """
    place = path.expanduser().resolve()
    for own in own_folders:
        if _is_inside(place, own.path):
            raise ServingError(f"{path} is inside {own.what} {own.path}; choose a place outside it")
    if PASSWORDS in place.parts:
        raise ServingError(
            f"{path} is inside a {PASSWORDS} folder, which holds passwords; choose a place outside it"
        )


def require_report_or_nothing(path: Path) -> None:
    """Returns if there is no file at `path`, or an empty one, or an older report.

    Raises:
        ServingError: another file would be lost.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:  # nothing that could be replaced; writing says what else is wrong
        return
    if head and _GENERATOR not in head:
        raise ServingError(
            f"{path} is not a report, so it is not replaced by one; choose another path, or remove that file"
        )


def _is_inside(place: Path, folder: Path) -> bool:
    """Whether the place is the folder or below it, under whatever name."""
    own = folder.expanduser().resolve()
    if place.is_relative_to(own):
        return True
    return own.exists() and any(
        parent.exists() and os.path.samefile(parent, own) for parent in (place, *place.parents)
    )
