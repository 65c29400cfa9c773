"""The export target for a destination given as a folder or an S3 URL."""

from collections.abc import Sequence
from pathlib import Path

from config.secrets import Secrets
from config.settings import S3Settings
from delta_tables.storage.lake import Lake
from serving.errors import ServingError
from serving.export.layouts import Layout
from serving.export.local_target import ExportTarget, LocalFolder
from serving.output.foreign_folders import OwnFolder, require_foreign


def require_outside(to: str, layout: Layout, lake: Lake, own_folders: Sequence[OwnFolder]) -> None:
    """Returns if the layout's folder, links followed, is outside the lake and our other folders.

    Inside the lake, objects would mix with a table's files; nor may a lake lie in the layout's folder.

    Raises:
        ServingError: it is inside one of them, or around the lake.
    """
    if "://" in to:
        _require_other_bucket(to, layout, lake)
        return
    if not to.strip():
        raise ServingError(
            "an export's destination must be a folder or s3://bucket/prefix, not an empty text"
        )
    for place in (Path(to), Path(to).expanduser() / layout.folder):
        require_foreign(place, own_folders)
    folder = (Path(to).expanduser() / layout.folder).resolve()
    if not lake.is_s3 and Path(lake.root).is_relative_to(folder):
        raise ServingError(f"the lake {lake.root} is inside {folder}; choose another destination")


def target_for(to: str, layout: Layout, settings: S3Settings, secrets: Secrets) -> ExportTarget:
    """The layout's folder in a local folder or at `s3://bucket/prefix`.

    Raises:
        ServingError: `to` is neither.
    """
    if "://" not in to:
        return LocalFolder(Path(to).expanduser().resolve() / layout.folder)
    scheme, _, path = to.partition("://")
    bucket, *segments = path.rstrip("/").split("/")
    if scheme not in {"s3", "s3a"} or not bucket or not all(segment.strip(".") for segment in segments):
        raise ServingError(
            f"an export's destination must be a folder or s3://bucket/prefix, not {to[:200]!r}"
        )
    from serving.export.s3_target import S3Bucket, s3_client  # noqa: PLC0415 - imports boto3

    return S3Bucket(s3_client(settings, secrets), bucket, "/".join([*segments, layout.folder]))


def _require_other_bucket(to: str, layout: Layout, lake: Lake) -> None:
    if not lake.is_s3:
        return
    folders = (_bucket_path(to), f"{_bucket_path(to)}{layout.folder}/")
    if any(folder.startswith(_bucket_path(lake.root)) for folder in folders):
        raise ServingError(f"{to} is inside the lake {lake.root}; choose a destination outside it")
    if _bucket_path(lake.root).startswith(folders[1]):
        raise ServingError(f"the lake {lake.root} is inside {to}/{layout.folder}; choose another destination")


def _bucket_path(url: str) -> str:
    return "/".join(filter(None, url.partition("://")[2].split("/"))) + "/"
