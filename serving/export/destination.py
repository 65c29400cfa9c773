"""The destination that a person names, as a place to write to."""

from pathlib import Path

from config.secrets import Secrets
from config.settings import S3Settings
from delta_tables.storage.lake import Lake
from serving.errors import ServingError
from serving.export.layouts import Layout
from serving.export.local_target import ExportTarget, LocalFolder


def require_outside_lake(lake: Lake, to: str) -> None:
    """Refuses a destination inside the lake, where objects would lie among a table's files.

    Raises:
        ServingError: it is one.
    """
    if lake.is_s3:
        inside = f"{_bucket_path(to)}/".startswith(f"{_bucket_path(lake.root)}/")
    else:
        inside = "://" not in to and Path(to).expanduser().resolve().is_relative_to(lake.root)
    if inside:
        raise ServingError(f"{to} is inside the lake {lake.root}; export to a place of its own")


def target_for(to: str, layout: Layout, settings: S3Settings, secrets: Secrets) -> ExportTarget:
    """The layout's folder at a path or `s3://bucket/prefix`.

    Raises:
        ServingError: neither of both.
    """
    if "://" not in to:
        return LocalFolder(Path(to).expanduser().resolve() / layout.folder)
    scheme, _, path = to.partition("://")
    bucket, *segments = path.rstrip("/").split("/")
    if scheme not in {"s3", "s3a"} or not bucket or not all(item.strip(".") for item in segments):
        raise ServingError(f"{to[:200]!r} is no place for an export: a folder, or s3://bucket/prefix")
    from serving.export.s3_target import S3Bucket, s3_client  # noqa: PLC0415 - imports boto3

    return S3Bucket(s3_client(settings, secrets), bucket, "/".join([*segments, layout.folder]))


def _bucket_path(url: str) -> str:
    return url.partition("://")[2].strip("/") if "://" in url else ""
