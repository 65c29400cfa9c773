"""The export target for a destination given as a folder or an S3 URL."""

from pathlib import Path

from config.secrets import Secrets
from config.settings import S3Settings
from delta_tables.storage.lake import Lake
from serving.errors import ServingError
from serving.export.layouts import Layout
from serving.export.local_target import ExportTarget, LocalFolder


def require_outside_lake(lake: Lake, to: str) -> None:
    """Returns if the destination is outside the lake; inside, objects would mix with a table's files.

    Raises:
        ServingError: it is inside the lake.
    """
    if lake.is_s3:
        inside = f"{_bucket_path(to)}/".startswith(f"{_bucket_path(lake.root)}/")
    else:
        inside = "://" not in to and Path(to).expanduser().resolve().is_relative_to(lake.root)
    if inside:
        raise ServingError(f"{to} is inside the lake {lake.root}; choose a destination outside it")


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


def _bucket_path(url: str) -> str:
    return url.partition("://")[2].strip("/") if "://" in url else ""
