"""Remembers which bytes an ETag stands for: a store that copies a file gives the same bytes another ETag.

The cache is about the provider's files, so it is independent of the lake. Losing it costs a download.
"""

import json
import os
import secrets as random
from pathlib import Path

from flows.handlers.models import RemoteFile


def put_etag(state_dir: Path, remote: RemoteFile, sha256: str) -> None:
    """Stores that this version's bytes have this SHA-256, in place of the entry for the same day.

    Raises:
        OSError: the entry cannot be written.
    """
    path = _path(state_dir, remote)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_suffix(f".{random.token_hex(4)}.tmp")
    written.write_text(json.dumps({"etag": remote.etag, "file_id": sha256}), encoding="utf-8")
    os.replace(written, path)


def get_file_id(state_dir: Path, remote: RemoteFile) -> str | None:
    """The SHA-256 stored for this version; None if there is no entry or it cannot be read."""
    try:
        entry = json.loads(_path(state_dir, remote).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # the file is then downloaded and stored again
    is_same = isinstance(entry, dict) and entry.get("etag") == remote.etag
    return str(entry["file_id"]) if is_same and "file_id" in entry else None


def _path(state_dir: Path, remote: RemoteFile) -> Path:
    return state_dir / "massive" / "etags" / remote.dataset / f"{remote.day}.json"
