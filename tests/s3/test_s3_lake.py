"""A lake in an S3-compatible store: a real MinIO on loopback, stopped by its process id."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from pyspark.sql import SparkSession

from config.secrets import Secrets
from config.settings import Settings
from delta_tables.lake import Lake, lake_of
from jobs.session import engine_session
from tests.lakes import build_lake, hashes, land_rows
from tests.payloads import DAYS, at, bar, daily, overview

MINIO = shutil.which("minio") or next(
    (
        str(path)
        for path in (Path.home() / "go/bin/minio", Path.home() / ".cache/market-lakehouse/bin/minio")
        if path.exists()
    ),
    None,
)
pytestmark = pytest.mark.skipif(
    MINIO is None, reason="no minio binary: go install github.com/minio/minio (2026-11)"
)


# one for all stores of a process: the embedded engine keeps the first keys that it has been given
SECRET_KEY = secrets.token_hex(16)


@dataclass(frozen=True)
class Store:
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


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    port = _free_port()
    found = Store(f"http://127.0.0.1:{port}", "lakehouse", SECRET_KEY)
    environment = {
        **os.environ,
        "MINIO_ROOT_USER": found.access_key,
        "MINIO_ROOT_PASSWORD": found.secret_key,
        "MINIO_BROWSER": "off",
    }
    folder = tmp_path_factory.mktemp("minio")
    command = [str(MINIO), "server", "--address", f"127.0.0.1:{port}", "--quiet", str(folder)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _make_bucket(found)
        yield found
    finally:
        process.terminate()
        process.wait(timeout=20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _make_bucket(store: Store) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        aws_access_key_id=store.access_key,
        aws_secret_access_key=store.secret_key,
        region_name="us-east-1",
    )
    deadline = time.monotonic() + 30
    while True:
        try:
            client.create_bucket(Bucket="market")
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def test_a_lake_in_a_bucket_holds_the_same_as_one_in_a_folder(
    spark: SparkSession, lake: Lake, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_ALLOW_HTTP",
    ):
        monkeypatch.setenv(name, "")  # so that what the engine sets is taken back at the end
    settings = Settings.model_validate(
        {"lake": "s3://market/lake", "s3": {"endpoint_url": store.endpoint, "region": "us-east-1"}}
    )
    keys = {"aws_access_key_id": store.access_key, "aws_secret_access_key": store.secret_key}
    bucket = lake_of(settings, Secrets.model_validate(keys))
    deliveries = [
        [
            daily("A", {day: bar() for day in DAYS}),
            overview("A"),
            daily("B", {DAYS[0]: ("1", "0", "1", "1", "1")}),
        ],
        [daily("A", {DAYS[-1]: bar("10.7")}, at(3))],
    ]
    with engine_session(settings, bucket) as session:
        for delivery in deliveries:
            land_rows(bucket, delivery)
            build_lake(session, bucket)
    for delivery in deliveries:
        land_rows(lake, delivery)
        build_lake(spark, lake)
    assert hashes(bucket) == hashes(lake)
