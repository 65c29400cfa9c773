"""Who may read what the lakehouse writes: its user only, or whom the umask lets."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from config.settings import Settings

_OTHERS = 0o077  # the rights of the group and of everybody else


def apply_file_mode(settings: Settings) -> None:
    """Makes new files and folders of this process, and of those that it starts, private (0600, 0700).

    With `file_mode = "umask"` nothing changes. What exists keeps its mode.
    """
    if settings.file_mode == "private":
        os.umask(_OTHERS)


def open_to_others(paths: Iterable[Path]) -> Iterator[str]:
    """A sentence for each of these files and folders that other users may enter, read or write."""
    for path in paths:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if mode & _OTHERS:
            yield f"{path} is open to other users (mode {mode:o}); run `chmod -R go= {path}`"


def modes_to_warn_of(settings: Settings, lake_root: str | None) -> tuple[str, ...]:
    """What is open to other users though `file_mode` is "private": a sentence each, for `lakehouse doctor`.

    `lake_root` is the lake's folder, None for a lake in a bucket. Nobody passes a private folder, so only
    the two folders themselves are looked at.
    """
    if settings.file_mode != "private":
        return ()
    folders = [settings.state_dir, *([Path(lake_root)] if lake_root else [])]
    return tuple(open_to_others(folders))
