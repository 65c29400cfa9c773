"""Notes of which bytes an ETag stands for: a store gives the same bytes another ETag when it copies them.

They are facts about the provider's files, whatever the lake, and can be lost: a download is the cost.
"""

import json
import os
import secrets as random
from pathlib import Path

from flows.handlers.massive.files import RemoteFile


def take_note(state_dir: Path, remote: RemoteFile, sha256: str) -> None:
    """Notes that this version's bytes have this SHA-256, in place of what was noted of the day before.

    Raises:
        OSError: the note cannot be written.
    """
    path = _path(state_dir, remote)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_suffix(f".{random.token_hex(4)}.tmp")
    written.write_text(json.dumps({"etag": remote.etag, "file_id": sha256}), encoding="utf-8")
    os.replace(written, path)


def noted_file_id(state_dir: Path, remote: RemoteFile) -> str | None:
    """The SHA-256 noted of this version; None where there is no note, or one that cannot be read."""
    try:
        note = json.loads(_path(state_dir, remote).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # as good as none: the file is downloaded, and noted again
    is_same = isinstance(note, dict) and note.get("etag") == remote.etag
    return str(note["file_id"]) if is_same and "file_id" in note else None


def _path(state_dir: Path, remote: RemoteFile) -> Path:
    return state_dir / "massive" / "etags" / remote.dataset / f"{remote.day}.json"
