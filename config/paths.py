"""The paths among the settings: what they are relative to, and what cannot be a path."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PATH_KEYS = ("lake", "state_dir", "report")
_KEPT = ("lake", "state_dir")  # what must not begin anew
BUCKETS = ("s3://", "s3a://")
# Below a folder with one of these, or with anything but ASCII, the embedded engine (Sail 0.7.2) does not find
# a Delta table or its files, or Apache Spark takes the path for a pattern, or delta-rs fails.
_AWKWARD = frozenset(' "#%*<>?[\\]^`{|}~')
_MAX_NAME_BYTES = 255
_MAX_PATH_BYTES = 3_500  # of the 4,096 that Linux allows, the rest is for what lies below
_CONTROLS = frozenset(map(chr, (*range(32), *range(127, 160))))


def is_plain(text: str) -> bool:
    """Whether both engines and delta-rs can read a path as it is written."""
    return text.isascii() and text.isprintable() and _AWKWARD.isdisjoint(text)


def usable_path(text: str) -> str:
    """The text, if it can be the path of a folder or file.

    Raises:
        ValueError: it has a character that no path of ours may have, or none at all.
    """
    if not text.strip():
        raise ValueError("a path cannot be empty")
    if found := sorted(_CONTROLS.intersection(text)):
        raise ValueError(f"a path cannot have the control character {found[0]!r}; rename the folder")
    try:
        sizes = [len(name.encode("utf-8")) for name in text.split("/")]
    except UnicodeEncodeError:
        raise ValueError("a path must be UTF-8; rename the folder") from None
    if max(sizes) > _MAX_NAME_BYTES or sum(sizes) > _MAX_PATH_BYTES:
        raise ValueError(f"a name may have {_MAX_NAME_BYTES} bytes, a path {_MAX_PATH_BYTES}; shorten it")
    return text


def usable_lake(text: str) -> str:
    """The text, if it can be the place of a lake: a folder, or `s3://bucket/prefix`.

    Raises:
        ValueError: it is the address of something else, or has a character that does not work there.
    """
    usable_path(text)
    scheme, separator, place = text.partition("://")
    if not separator:
        return text
    if not text.startswith(BUCKETS):
        raise ValueError(f"a lake is a folder or s3://bucket/prefix; nothing here reads {scheme}://")
    if bad := [each for each in place if not is_plain(each)]:
        raise ValueError(f"the engines cannot read a bucket's prefix with {bad[0]!r}; choose another prefix")
    return text


def expanded(text: str) -> Path:
    """The path with a leading `~` replaced by the home folder; the name of no user stays as it is."""
    return Path(os.path.expanduser(text))


def base_folder(file: Path) -> Path:
    """The folder to which the paths in a settings file are relative: the project's.

    It is the folder of the file; for a file in a folder named `config` it is the folder around that one.
    """
    folder = file.absolute().parent
    return folder.parent if folder.name == "config" else folder


def anchored_paths(content: Mapping[str, Any], file: Path, defaults: Mapping[str, Any]) -> dict[str, str]:
    """The absolute paths that a settings file means, by key, those too that it leaves at their defaults.

    Empty where they are relative to the working folder anyway. Values that are no text are left for the
    validation of the settings.
    """
    base, found = base_folder(file), {}
    if base == Path.cwd():
        return {}
    for key in PATH_KEYS:
        value = content.get(key, defaults[key])
        if isinstance(value, str | Path) and str(value).strip() and "://" not in str(value):
            found[key] = str(base / expanded(str(value)))
    return found


def left_behind(file: Path, key: str, path: str) -> str | None:
    """Why a path of a settings file may not be the one that is meant; None if all is well.

    The paths of every settings file used to be relative to the working folder. A lake or a count of calls
    that was filled so must not be replaced by an empty one in silence.
    """
    base, folder = base_folder(file), Path(path)
    if key not in _KEPT or not folder.is_relative_to(base) or folder.exists():
        return None
    before = Path.cwd() / folder.relative_to(base)
    if not before.is_dir():
        return None
    kept = json.dumps(str(before), ensure_ascii=False)
    return (
        f"{file}: `{key}` is relative to the settings file's folder and means {path}, where nothing is, but "
        f"there is {before}, which it used to mean; write {key} = {kept} to keep that, or create {path}"
    )
