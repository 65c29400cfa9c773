"""Flat files in the landing zone: as received, each version once, with a row in bronze.raw_files."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from filelock import FileLock

from delta_tables.storage.arrow_io import append_rows, read_rows
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.landing_zone import LANDING, present_files, put_file, remove_files
from delta_tables.tables.bronze import RAW_FILES
from flows.handlers.models import ReceivedFile, RemoteFile
from flows.landing.etag_cache import get_file_id, put_etag

PROVIDER = "massive"

_SHA_CHARS = 16


@dataclass(frozen=True)
class LandedFile:
    """A row of bronze.raw_files; `path` is relative to the lake's root, and its bytes may have expired."""

    file_id: str
    provider: str
    dataset: str
    file_dt: date
    key: str
    etag: str
    size_bytes: int
    path: str
    fetched_at: datetime
    is_simulated: bool
    run_id: str


@dataclass(frozen=True)
class Expiry:
    """What retention did: files `removed`, and old files `kept` because Silver still needs them."""

    removed: tuple[LandedFile, ...] = ()
    kept: tuple[LandedFile, ...] = ()


def landing_path(dataset: str, day: date, sha256: str) -> str:
    """The path of a version, relative to the lake's root."""
    name = f"{day}.{sha256[:_SHA_CHARS]}.csv.gz"
    return f"{LANDING}/{PROVIDER}/{dataset}/{day:%Y/%m}/{name}"


def landed_files(lake: Lake) -> list[LandedFile]:
    """Every version that was ever landed, oldest first.

    Raises:
        LakeError: the table cannot be read.
    """
    rows = read_rows(lake, RAW_FILES, where=f"provider = '{PROVIDER}'").to_pylist()
    return sorted((LandedFile(**row) for row in rows), key=lambda file: (file.fetched_at, file.file_id))


def latest_versions(lake: Lake) -> dict[tuple[str, date], LandedFile]:
    """The newest version of each dataset and day.

    Raises:
        LakeError: the table cannot be read.
    """
    return {(file.dataset, file.file_dt): file for file in landed_files(lake)}


def is_landed(remote: RemoteFile, latest: LandedFile | None, state_dir: Path) -> bool:
    """Whether the newest landed version is the store's current one, so no download is needed.

    True if ETag and size are equal, or if the cache knows that the store's ETag stands for the same bytes.
    """
    if latest is None or latest.size_bytes != remote.size_bytes:
        return False
    return remote.etag == latest.etag or get_file_id(state_dir, remote) == latest.file_id


def has_bytes(lake: Lake, landed: LandedFile) -> bool:
    """Whether the version's bytes are still in the landing zone."""
    return bool(present_files(lake, [landed.path]))


def land_files(
    lake: Lake, state_dir: Path, received: Sequence[ReceivedFile], run_id: str
) -> list[LandedFile]:
    """Moves the files to the landing zone, appends their rows in one commit, and returns the new versions.

    A file with the bytes of the newest landed version gets no row, whatever its ETag (which is cached, so
    that it is not downloaded again); if those bytes had expired, they are restored. Processes with the same
    state folder land one after another, so no version gets two rows.

    Raises:
        LakeError: something could not be stored; a file without a row counts as not landed.
    """
    if not received:
        return []
    with FileLock(_lock(state_dir)):
        latest = latest_versions(lake)
        rows = [_row(file, run_id) for file in received]
        for file, row in zip(received, rows, strict=True):
            put_file(lake, file.path, row.path)
        new = [row for row in rows if not _is_same(row, latest.get((row.dataset, row.file_dt)))]
        append_rows(lake, RAW_FILES, [vars(row) for row in new])
    _cache_etags(state_dir, received)
    return new


def expire_files(
    lake: Lake, now: datetime, retention_days: int, is_built: Callable[[LandedFile], bool]
) -> Expiry:
    """Deletes the bytes of versions landed more than `retention_days` ago (0: none); the rows remain.

    Bytes from which Silver has not been built yet (`is_built`) are kept, whatever their age.

    Raises:
        LakeError: the table cannot be read, or a file cannot be deleted.
    """
    if retention_days == 0:
        return Expiry()
    before = now - timedelta(days=retention_days)
    by_path: defaultdict[str, list[LandedFile]] = defaultdict(list)
    for file in landed_files(lake):
        by_path[file.path].append(file)
    old = {path: files for path, files in by_path.items() if all(file.fetched_at < before for file in files)}
    present = present_files(lake, old)
    built = {path for path in present if all(map(is_built, old[path]))}
    remove_files(lake, built)
    return Expiry(
        removed=tuple(old[path][-1] for path in sorted(built)),
        kept=tuple(old[path][-1] for path in sorted(present - built)),
    )


def _row(received: ReceivedFile, run_id: str) -> LandedFile:
    remote = received.remote
    return LandedFile(
        file_id=received.sha256,
        provider=PROVIDER,
        dataset=remote.dataset,
        file_dt=remote.day,
        key=remote.key,
        etag=remote.etag,
        size_bytes=remote.size_bytes,
        path=landing_path(remote.dataset, remote.day, received.sha256),
        fetched_at=received.fetched_at,
        is_simulated=remote.is_simulated,
        run_id=run_id,
    )


def _is_same(row: LandedFile, latest: LandedFile | None) -> bool:
    return latest is not None and latest.file_id == row.file_id


def _lock(state_dir: Path) -> Path:
    """The lock file that a landing process holds.

    Raises:
        LakeError: the state folder cannot be written.
    """
    folder = state_dir / PROVIDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LakeError(
            f"The state folder {folder} cannot be written ({error.strerror}). Make it writable, or set "
            "another `state_dir`."
        ) from None
    return folder / "landing.lock"


def _cache_etags(state_dir: Path, received: Sequence[ReceivedFile]) -> None:
    try:
        for file in received:
            put_etag(state_dir, file.remote, file.sha256)
    except OSError as error:
        raise LakeError(
            f"The files have landed, but their ETags could not be stored in {state_dir} ({error.strerror}). "
            "Free some space there; otherwise a later run may download the files once more."
        ) from None
