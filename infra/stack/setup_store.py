"""Creates the stack's bucket, which keeps versions, its lifecycle and least-privilege users; idempotent.

Users: `lake-writer` reads and writes the lake's bucket; `gold-reader` reads gold/ and nothing else.
"""

import logging
import os
import sys
from typing import Any

import boto3
from botocore.exceptions import ClientError
from minio.credentials.providers import StaticProvider
from minio.minioadmin import MinioAdmin

from config.load import ConfigError, load_settings
from infra.stack.lifecycle import lifecycle_rules, rules_text, set_lifecycle

_LOG = logging.getLogger("lakehouse.store")
_PREFIX = "lake"
# An object that was overwritten or deleted can be brought back for a week, by root only: the lake's writer
# may not remove versions. Maintenance keeps replaced files at least that long, so old versions are few.
OLD_VERSIONS_END = {
    "ID": "old-versions-end",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
}


def writer_policy(bucket: str) -> dict[str, Any]:
    """Returns a policy that allows everything on the bucket's objects, and nothing on the bucket itself."""
    objects = [
        "s3:GetObject",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
    ]
    listing = ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"]
    return _policy(
        (objects, f"arn:aws:s3:::{bucket}/*", None),
        (listing, f"arn:aws:s3:::{bucket}", None),
    )


def gold_reader_policy(bucket: str) -> dict[str, Any]:
    """Returns a policy that allows listing and reading under lake/gold/."""
    gold = f"{_PREFIX}/gold"
    return _policy(
        (["s3:GetObject"], f"arn:aws:s3:::{bucket}/{gold}/*", None),
        (["s3:GetBucketLocation"], f"arn:aws:s3:::{bucket}", None),
        (["s3:ListBucket"], f"arn:aws:s3:::{bucket}", {"StringLike": {"s3:prefix": [gold, f"{gold}/*"]}}),
    )


def _policy(*statements: tuple[list[str], str, dict[str, Any] | None]) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": actions, "Resource": [resource]}
            | ({"Condition": when} if when else {})
            for actions, resource, when in statements
        ],
    }


def set_user(admin: MinioAdmin, name: str, secret: str, policy: dict[str, Any]) -> None:
    """Creates or updates the user `name` with this secret and exactly this policy."""
    admin.user_add(name, secret)
    admin.policy_add(name, policy=policy)
    admin.policy_set(name, user=name)


def main() -> None:
    """Applies the declarations of this module to the store."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        days = load_settings(os.environ).providers.massive.retention_days
    except ConfigError as error:
        sys.exit(
            f"store-setup: {error}; the store was not changed: it needs the same settings as prefect-worker"
        )
    endpoint, bucket = os.environ["MINIO_ENDPOINT"], os.environ["LAKE_BUCKET"]
    user, password = os.environ["MINIO_ROOT_USER"], os.environ["MINIO_ROOT_PASSWORD"]
    store = boto3.client(
        "s3",
        endpoint_url=f"http://{endpoint}",
        aws_access_key_id=user,
        aws_secret_access_key=password,
        region_name="us-east-1",
    )
    try:
        store.create_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            raise
    store.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    rules = [*lifecycle_rules(f"{_PREFIX}/", days), OLD_VERSIONS_END]
    _LOG.info(rules_text(bucket, rules, set_lifecycle(store, bucket, rules)))
    admin = MinioAdmin(endpoint=endpoint, credentials=StaticProvider(user, password), secure=False)
    set_user(admin, "lake-writer", os.environ["LAKE_WRITER_SECRET"], writer_policy(bucket))
    set_user(admin, "gold-reader", os.environ["GOLD_READER_SECRET"], gold_reader_policy(bucket))
    _LOG.info("users lake-writer and gold-reader")


if __name__ == "__main__":
    main()
