"""Where a lake is: a folder or an S3-compatible bucket, and how it is reached."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from pyarrow import fs

from config.paths import BUCKETS, expanded, is_plain
from config.plain_links import plain_path, with_own_paths
from config.secrets import Secrets
from config.settings import Settings

# delta-rs (1.6.6) follows a link to the folder that it names, whose URL it then cannot make or decodes twice
_IMPOSSIBLE = re.compile(r"[\[\]^|\\]|%[0-9A-Fa-f]{2}")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
# delta-rs' limits: a request may take 25 s, and after 15 s nothing is tried again. With its own (30 s and
# 180 s) a store that hangs is asked for three minutes.
_PATIENCE = {"connect_timeout": "5s", "timeout": "25s", "retry_timeout": "15s"}


class LakeError(Exception):
    """The lake, or a table of it, is not there or cannot be read: says which and what to do.

    The message names the lake by the path that the user has given, not by a link of ours.
    """

    def __init__(self, message: str) -> None:
        super().__init__(with_own_paths(message))


class Named(Protocol):
    """What has a place in the lake: a Table, or what stands for one where pyspark's types are not loaded."""

    @property
    def layer(self) -> str:
        """The layer, such as silver."""

    @property
    def name(self) -> str:
        """The name in it, such as bars."""


def _anybody_writes() -> None:
    """The right to write a lake that nobody else can be writing."""


@dataclass(frozen=True)
class Lake:
    """A lake's root and the options to reach it.

    `root` is an absolute folder or `s3a://bucket/prefix`: the spelling that delta-rs, the embedded
    engine and Apache Spark all understand. A folder whose name an engine would misread (a space, `#`, `é`)
    is reached through a link of ours: `engine_path`, `uri` and `staging_uri` are for engines and delta-rs,
    `root` is for Python and for messages. `options` holds credentials, so it is never shown.
    `require_writer()` is called before each commit to Silver or Gold; it raises a LakeError where the right
    to write was lost (docs/adr/0007).
    """

    root: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    require_writer: Callable[[], None] = field(default=_anybody_writes, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.is_s3 and not Path(self.root).is_absolute():
            raise ValueError(f"wanted an absolute folder or a bucket as a lake's root, found {self.root!r}")

    @property
    def is_s3(self) -> bool:
        """Whether the lake lies in an S3-compatible store."""
        return self.root.startswith(BUCKETS)

    def engine_path(self, path: str) -> str:
        """`path` below the root as engines read it.

        Raises:
            LakeError: neither Delta nor the engines can read the root's name, and no link helps.
        """
        if self.is_s3:
            return f"{self.root}/{path}"
        if bad := _IMPOSSIBLE.search(self.root):
            raise LakeError(f"{self.root}: Delta cannot use a path with {bad[0]}; rename the folder")
        try:
            return f"{plain_path(self.root)}/{path}"
        except OSError as error:
            raise LakeError(
                f"{self.root}: the engines cannot read this path, and {error}, or move the lake to a folder "
                "whose path has only letters, digits and -._/"
            ) from None

    def uri(self, table: Named) -> str:
        """Where `table` is stored."""
        return self.engine_path(f"{table.layer}/{table.name}")

    def staging_uri(self, run_id: str, name: str) -> str:
        """Where a run keeps a batch that is not published yet."""
        return self.engine_path(f"_staging/{run_id}/{name}")

    def drop_staging(self, run_id: str = "") -> None:
        """Removes what a run staged; without an id what all have, if none of them runs any more.

        Raises:
            LakeError: the store cannot be asked.
        """
        store, path = self.file_system()
        folder = f"{path}/_staging/{run_id}".rstrip("/")
        try:
            if store.get_file_info(folder).type == fs.FileType.Directory:
                store.delete_dir(folder)
        except OSError as error:
            raise LakeError(f"{self.root}: what runs have staged cannot be removed ({error})") from None

    def file_system(self) -> tuple[fs.FileSystem, str]:
        """The store as Arrow sees it, and the lake's root in it."""
        if not self.is_s3:
            return fs.LocalFileSystem(), self.root
        endpoint = self.options.get("AWS_ENDPOINT_URL", "")
        scheme, _, host = endpoint.partition("://")
        store = fs.S3FileSystem(
            access_key=self.options.get("AWS_ACCESS_KEY_ID"),
            secret_key=self.options.get("AWS_SECRET_ACCESS_KEY"),
            session_token=self.options.get("AWS_SESSION_TOKEN"),
            region=self.options.get("AWS_REGION"),
            endpoint_override=host or None,
            scheme=scheme or "https",
            connect_timeout=3.0,
            request_timeout=6.0,  # seconds without a byte; three attempts
        )
        return store, self.root.split("://", 1)[1]


def lake_of(settings: Settings, secrets: Secrets) -> Lake:
    """The lake that the settings name.

    Raises:
        LakeError: the engine cannot read the lake's path, nor a link to it.
    """
    if not settings.lake.startswith(BUCKETS):
        lake = Lake(str(expanded(settings.lake).resolve()))
        _require_readable_path(settings, lake)
        return lake
    root = "s3a://" + settings.lake.split("://", 1)[1].rstrip("/")
    return Lake(root, _s3_options(settings, secrets))


def _require_readable_path(settings: Settings, lake: Lake) -> None:
    """Makes the link that the lake may need, before anything is fetched."""
    lake.engine_path("")
    remote = settings.spark.remote if settings.engine == "spark" else None
    host = urlsplit(remote).hostname if remote else None
    if host and host not in _LOOPBACK and not is_plain(lake.root):
        raise LakeError(
            f"{lake.root}: Apache Spark on {host} cannot read this path, because a link to it exists on this "
            "machine only; move the lake to a folder whose path has only letters, digits and -._/"
        )


def _s3_options(settings: Settings, secrets: Secrets) -> dict[str, str]:
    options = {"AWS_REGION": settings.s3.region, "conditional_put": "etag", **_PATIENCE}
    if settings.s3.endpoint_url:
        endpoint = str(settings.s3.endpoint_url).rstrip("/")
        options |= {"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": str(endpoint.startswith("http:")).lower()}
    if secrets.aws_access_key_id and secrets.aws_secret_access_key:
        options["AWS_ACCESS_KEY_ID"] = secrets.aws_access_key_id.get_secret_value()
        options["AWS_SECRET_ACCESS_KEY"] = secrets.aws_secret_access_key.get_secret_value()
    if secrets.aws_session_token:
        options["AWS_SESSION_TOKEN"] = secrets.aws_session_token.get_secret_value()
    return options
