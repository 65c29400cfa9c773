"""Links with plain names to folders whose own names the engines cannot read.

A link is named by a hash of its target, so that all processes of a user share it; it is made again if
something has removed it. It lies in a folder that only this user may enter.
"""

import hashlib
import os
import secrets as random
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from config.paths import is_plain

_STALE_SECONDS = 24 * 60 * 60  # a link to nothing for a day belongs to a folder that was removed
_TARGETS: dict[str, str] = {}  # the links of this process, with what they stand for


def plain_path(folder: str) -> str:
    """The folder's path if every engine can read it, otherwise a link to it whose path they can.

    Raises:
        OSError: there is no place for a link.
    """
    if is_plain(folder):
        return folder
    link = _links_folder() / hashlib.sha256(folder.encode()).hexdigest()[:32]
    if _target(link) != folder:
        _link(link, folder)
    _TARGETS[str(link)] = folder
    return str(link)


def with_own_paths(text: str) -> str:
    """The text with each link of this process replaced by the path that the user has given."""
    for link, folder in _TARGETS.items():
        text = text.replace(link, folder)
    return text


def _target(link: Path) -> str | None:
    try:
        return os.readlink(link)
    except OSError:
        return None


def _link(link: Path, folder: str) -> None:
    """Makes the link in one step, whoever else does the same."""
    _remove_stale(link.parent)
    new = link.with_name(f"{link.name}.{random.token_hex(4)}")
    new.symlink_to(folder)
    try:
        os.replace(new, link)
    finally:
        new.unlink(missing_ok=True)


def _remove_stale(links: Path) -> None:
    for link in links.iterdir():
        with suppress(OSError):
            if not link.exists() and link.lstat().st_mtime < time.time() - _STALE_SECONDS:
                link.unlink()


def _links_folder() -> Path:
    """The folder of this user's links.

    Raises:
        OSError: none can be had.
    """
    problems = []
    for folder in _candidates():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.lstat()
        except OSError as error:
            problems.append(str(error))
            continue
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022:
            return folder
        problems.append(f"{folder} is not a folder that only this user may write")
    raise OSError(f"there is no place for a link with a plain name ({'; '.join(problems)}); set TMPDIR")


def _candidates() -> Iterator[Path]:
    for parent in dict.fromkeys((tempfile.gettempdir(), "/tmp")):  # noqa: S108 - the folder in it is checked
        if is_plain(parent):
            yield Path(parent) / f"lakehouse-links-{os.getuid()}"
    if is_plain(cache := os.path.expanduser("~/.cache")):
        yield Path(cache) / "lakehouse" / "links"
