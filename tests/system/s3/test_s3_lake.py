"""A lake in an S3-compatible store, a real MinIO."""

import pytest
from pyspark.sql import SparkSession

from config.secrets import Secrets
from config.settings import Settings
from delta_tables.storage.lake import Lake, lake_of
from jobs.engine.session import engine_session
from tests.builders.lakes import build_lake, hashes, land_rows
from tests.builders.payloads import DAYS, at, bar, daily, overview
from tests.servers.minio import Store, needs_minio

pytestmark = needs_minio


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
