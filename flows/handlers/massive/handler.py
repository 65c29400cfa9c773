"""Massive (formerly Polygon): flat files of US stocks over S3 (https://massive.com/docs/flat-files)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.massive.download import download_file
from flows.handlers.massive.files import DATASETS, PROVIDER
from flows.handlers.massive.s3_client import guard_s3_loggers, s3_client
from flows.handlers.massive.store import MassiveStore
from flows.handlers.models import ProviderManifest, ReceivedFile, RemoteFile, utc_now
from flows.handlers.stop_signal import StopSignal
from flows.handlers.transport.redaction import Redactor
from flows.handlers.transport.retry import (
    AttemptFailure,
    HttpPolicy,
    OnRetry,
    ignore_attempt,
    retry_policy,
)

ENDPOINT_URL: Final = "https://files.massive.com"
BUCKET: Final = "flatfiles"

MANIFEST: Final = ProviderManifest(
    name=PROVIDER,
    datasets=DATASETS,
    secrets=("MASSIVE_ACCESS_KEY_ID", "MASSIVE_SECRET_ACCESS_KEY"),
    calendars=MappingProxyType(dict.fromkeys(DATASETS, "XNYS")),
    plans=MappingProxyType({"flat_files": ()}),
)

POLICY: Final = HttpPolicy(connect_timeout_seconds=30.0, read_timeout_seconds=300.0, attempts=5, pool_size=10)


@dataclass(frozen=True)
class MassiveClient:
    """Fetches Massive's flat files; threads may share it. `connect` creates it."""

    store: MassiveStore
    _guarded: tuple[logging.Logger, ...] = field(repr=False, default=())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def stop(self) -> StopSignal:
        """The signal that ends every pause and transfer of this handler, from any thread."""
        return self.store.stop

    def close(self) -> None:
        """Closes the connections and takes the filter off the libraries' loggers."""
        self.store.client.close()
        for logger in self._guarded:
            logger.removeFilter(self.store.redactor)

    def head(self, dataset: str, day: date) -> RemoteFile:
        """The version of the day's file that the store has now; nothing is downloaded.

        Raises ProviderError: no_data if there is no file (yet), bad_credentials, not_entitled (a dataset or
        a year outside the plan), too_fast, unavailable, malformed, bad_symbol. FetchStoppedError if the
        fetch is stopped.
        """
        store = self.store
        result = retry_policy(store.policy, store.sleep, store.report_retry)(store.try_head, dataset, day)
        if isinstance(result, AttemptFailure):
            raise result.error
        return result

    def download(self, remote: RemoteFile, folder: Path) -> ReceivedFile:
        """The whole, verified file in `folder`; its `remote` is newer if the store replaced it meanwhile.

        Raises ProviderError as `head` does (malformed for a file that is truncated or not gzip), OSError if
        the folder cannot be written, FetchStoppedError if the fetch is stopped; the received part is kept.
        """
        return download_file(self.store, remote, folder)


def connect(
    access_key: str,
    secret_key: str,
    *,
    endpoint_url: str = ENDPOINT_URL,
    bucket: str = BUCKET,
    policy: HttpPolicy = POLICY,
    clock: Callable[[], datetime] = utc_now,
    stop: StopSignal | None = None,
    sleep: Callable[[float], None] | None = None,
    on_retry: OnRetry = ignore_attempt,
) -> MassiveClient:
    """A handler that is ready to fetch; nothing has been sent yet.

    `on_retry` receives each failed attempt that is retried. `stop` ends all pauses; several handlers may
    share it. Tests replace the pauses by `sleep`. Raises ProviderError(bad_credentials) for a missing key,
    ValueError for a key of fewer than four characters or a malformed URL.
    """
    access_key, secret_key = access_key.strip(), secret_key.strip()
    if not access_key or not secret_key:
        raise ProviderError(
            ErrorClass.bad_credentials,
            expected=f"an S3 access key id and a secret access key for {PROVIDER}",
            found="at most one of them",
            remedy=f"set {' and '.join(MANIFEST.secrets)} (Massive's dashboard shows them under Flat Files)",
        )
    redactor, stop = Redactor([access_key, secret_key]), stop or StopSignal()
    client = s3_client(access_key, secret_key, endpoint_url, policy)
    store = MassiveStore(client, redactor, bucket, policy, clock, stop, sleep or stop.sleep, on_retry)
    return MassiveClient(store, guard_s3_loggers(redactor))
