"""A real MinIO on loopback, where its program is on this machine; it is stopped by its process id."""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from delta_tables.storage.lake import Lake
from tests.servers.ports import free_port

BUCKET = "market"
_PLACES = (Path.home() / "go/bin/minio", Path.home() / ".cache/market-lakehouse/bin/minio")
MINIO = shutil.which("minio") or next((str(path) for path in _PLACES if path.exists()), None)
# one for all stores of a process: the embedded engine keeps the first keys that it has been given
SECRET_KEY = secrets.token_hex(16)
needs_minio = pytest.mark.skipif(
    MINIO is None, reason="no minio binary: go install github.com/minio/minio (2026-11)"
)


@dataclass(frozen=True)
class Store:
    """Where a store is, and a user of it."""

    endpoint: str
    access_key: str
    secret_key: str

    def lake(self, root: str) -> Lake:
        """The lake at `root`, a bucket and a prefix."""
        options = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }
        return Lake(f"s3a://{root}", options)

    def client(self) -> Any:
        """The store by a client that is none of ours."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
        )


def new_store() -> Store:
    """A store that nobody serves yet, on a free port."""
    return Store(f"http://127.0.0.1:{free_port()}", "lakehouse", SECRET_KEY)


def started(store: Store, folder: Path) -> "subprocess.Popen[bytes]":
    """The process that serves the store from the folder; it answers a little later."""
    environment = {
        **os.environ,
        "MINIO_ROOT_USER": store.access_key,
        "MINIO_ROOT_PASSWORD": store.secret_key,
        "MINIO_BROWSER": "off",
    }
    address = store.endpoint.removeprefix("http://")
    command = [str(MINIO), "server", "--address", address, "--quiet", str(folder)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def minio_server(folder: Path) -> Iterator[Store]:
    """A store with the bucket `market` while the context lasts."""
    store = new_store()
    process = started(store, folder)
    try:
        make_bucket(store)
        yield store
    finally:
        process.terminate()
        process.wait(timeout=60)


def make_bucket(store: Store) -> None:
    """Makes the bucket, as soon as the store answers."""
    deadline = time.monotonic() + 120
    client = store.client()
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
        except client.exceptions.BucketAlreadyOwnedByYou:  # an attempt whose answer came too late
            return
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return
