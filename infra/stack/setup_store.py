"""Bucket, lifecycle and least-privilege users of the stack's object store; running it again does no harm.

Users: `lake-writer` reads and writes the lake's bucket; `gold-reader` reads gold/ and nothing else.
"""

import logging
import os
from typing import Any

import boto3
from botocore.exceptions import ClientError
from minio.credentials.providers import StaticProvider
from minio.minioadmin import MinioAdmin

_LOG = logging.getLogger("lakehouse.store")
LANDING_DAYS = 30
_PREFIX = "lake"


def writer_policy(bucket: str) -> dict[str, Any]:
    """May do everything with the objects of the bucket, and nothing with the bucket itself."""
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
    """May list and read what is under lake/gold/."""
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


def lifecycle_rules() -> tuple[dict[str, Any], dict[str, Any]]:
    """What every store knows, and the moves to cheaper classes that only some know (AWS does)."""
    expiry = {
        "ID": "landing-expires",
        "Status": "Enabled",
        "Filter": {"Prefix": f"{_PREFIX}/landing/"},
        "Expiration": {"Days": LANDING_DAYS},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    moves = {
        "ID": "bronze-cools-down",
        "Status": "Enabled",
        "Filter": {"Prefix": f"{_PREFIX}/bronze/"},
        "Transitions": [
            {"Days": 30, "StorageClass": "STANDARD_IA"},
            {"Days": 90, "StorageClass": "GLACIER_IR"},
        ],
    }
    return expiry, moves


def set_lifecycle(store: Any, bucket: str) -> bool:  # noqa: ANN401 - boto3 has no types
    """Whether the store also took the moves to cheaper classes; the expiry of landing files it must take."""
    expiry, moves = lifecycle_rules()
    try:
        store.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration={"Rules": [expiry, moves]}
        )
    except ClientError as error:
        _LOG.info("the store has no cheaper classes (%s): everything stays", error.response["Error"]["Code"])
        store.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [expiry]})
        return False
    return True


def set_user(admin: MinioAdmin, name: str, secret: str, policy: dict[str, Any]) -> None:
    """The user `name` with this secret and exactly this policy."""
    admin.user_add(name, secret)
    admin.policy_add(name, policy=policy)
    admin.policy_set(name, user=name)


def main() -> None:
    """Brings the store to what is declared here."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
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
    set_lifecycle(store, bucket)
    admin = MinioAdmin(endpoint=endpoint, credentials=StaticProvider(user, password), secure=False)
    set_user(admin, "lake-writer", os.environ["LAKE_WRITER_SECRET"], writer_policy(bucket))
    set_user(admin, "gold-reader", os.environ["GOLD_READER_SECRET"], gold_reader_policy(bucket))
    _LOG.info("bucket %s with its lifecycle and the users lake-writer and gold-reader", bucket)


if __name__ == "__main__":
    main()
