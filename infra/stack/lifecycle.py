"""`python -m infra.stack.lifecycle`: sets the lifecycle of the bucket that the settings name, in any store.

Runs remove landed files once they are built (flows/ingestion/file_retention.py). The bucket's own rule is a
backstop with a much longer period, for an installation that no longer runs: a bucket cannot know which files
were built. Incomplete uploads in the whole bucket end after one day. Bronze moves to cheaper storage classes
if the store has any. Reads LAKEHOUSE_LAKE, LAKEHOUSE_S3__* and AWS_*; requires a key that may change the
bucket, which the lake's writer may not.
"""

import logging
import os
import sys
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from config.load import ConfigError, load_settings
from config.secrets import load_secrets
from delta_tables.storage.lake import Lake, LakeError, lake_of
from delta_tables.storage.object_store import bucket_and_key, store_client

_LOG = logging.getLogger("lakehouse.store")
BACKSTOP_DAYS: Final = 400
EXPIRY, UPLOADS, MOVES = "landing-expires", "incomplete-uploads-end", "bronze-cools-down"
_FORBIDDEN: Final = 403
_UNSUPPORTED_STATUSES: Final = frozenset(
    {400, 501}
)  # MinIO: InvalidArgument; others: NotImplemented or MalformedXML


def backstop_days(retention_days: int) -> int | None:
    """Returns after how many days the bucket itself removes a landed file, built or not; None means never.

    The period is always much longer than that of the runs. If runs keep files forever (0), the bucket does so
    as well.
    """
    return max(BACKSTOP_DAYS, 2 * retention_days) if retention_days else None


def lifecycle_rules(prefix: str, retention_days: int) -> list[dict[str, Any]]:
    """Returns the rules of a lake under `prefix` (empty or ending in a slash); the IDs say what they do."""
    rules: list[dict[str, Any]] = [
        {
            "ID": UPLOADS,
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
        {
            "ID": MOVES,
            "Status": "Enabled",
            "Filter": {"Prefix": f"{prefix}bronze/"},
            "Transitions": [
                {"Days": 30, "StorageClass": "STANDARD_IA"},
                {"Days": 90, "StorageClass": "GLACIER_IR"},
            ],
        },
    ]
    if days := backstop_days(retention_days):
        place = {"Prefix": f"{prefix}landing/"}
        rules.append({"ID": EXPIRY, "Status": "Enabled", "Filter": place, "Expiration": {"Days": days}})
    return rules


def set_lifecycle(store: Any, bucket: str, rules: list[dict[str, Any]]) -> list[str]:  # noqa: ANN401 - boto3
    """Sets our rules and keeps all others; returns the IDs of our rules that the store does not support.

    MinIO has no cheaper storage classes and no rule for incomplete uploads; its server removes those after
    MINIO_API_STALE_UPLOADS_EXPIRY (infra/minio/Dockerfile).

    Raises:
        ClientError: the store refuses the key, has no such bucket, or does not support expiry.
    """
    ours = {EXPIRY, UPLOADS, MOVES, *(rule["ID"] for rule in rules)}
    kept = [rule for rule in _rules_of(store, bucket) if rule.get("ID") not in ours]

    def without(*ids: str) -> list[dict[str, Any]]:
        return kept + [rule for rule in rules if rule["ID"] not in ids]

    for unknown in ((), (MOVES,), (UPLOADS,)):
        if _is_accepted(store, bucket, without(*unknown)):
            return list(unknown)
    _put(store, bucket, without(MOVES, UPLOADS))
    return [MOVES, UPLOADS]


def _rules_of(store: Any, bucket: str) -> list[dict[str, Any]]:  # noqa: ANN401 - boto3
    try:
        return list(store.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
            raise
        return []


def _is_accepted(store: Any, bucket: str, rules: list[dict[str, Any]]) -> bool:  # noqa: ANN401 - boto3
    try:
        _put(store, bucket, rules)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] not in _UNSUPPORTED_STATUSES:
            raise
        return False
    return True


def _put(store: Any, bucket: str, rules: list[dict[str, Any]]) -> None:  # noqa: ANN401 - boto3
    if rules:
        store.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    else:
        store.delete_bucket_lifecycle(Bucket=bucket)  # a store refuses an empty list


def rules_text(bucket: str, rules: list[dict[str, Any]], unknown: list[str]) -> str:
    """Returns a line of text with the rules in force."""
    names = [rule["ID"] for rule in rules if rule["ID"] not in unknown]
    days = {rule["ID"]: rule["Expiration"]["Days"] for rule in rules if "Expiration" in rule}
    text = ", ".join(f"{name} ({days[name]} days)" if name in days else name for name in names)
    rest = f"; not supported by this store: {', '.join(unknown)}" if unknown else ""
    return f"bucket {bucket}: {text or 'no rule'}{rest}"


def apply(lake: Lake, retention_days: int) -> str:
    """Sets the lifecycle of the lake's bucket; returns a line of text with the rules in force.

    Raises:
        LakeError: the lake is a folder, or the store refuses the change or cannot be reached.
    """
    if not lake.is_s3:
        raise LakeError(
            f"the lake must be in a bucket, but it is the folder {lake.root}: set LAKEHOUSE_LAKE=s3://bucket/prefix"
        )
    bucket, prefix = bucket_and_key(lake, "")
    rules = lifecycle_rules(prefix, retention_days)
    try:
        unknown = set_lifecycle(store_client(lake), bucket, rules)
    except (ClientError, BotoCoreError) as error:
        raise LakeError(
            f"{lake.root}: the bucket's lifecycle was not changed ({error}); {_remedy(error)}"
        ) from None
    return rules_text(bucket, rules, unknown)


def _remedy(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, NoCredentialsError) or _status(error) == _FORBIDDEN:
        return (
            "use a key that may read and change it "
            "(s3:GetLifecycleConfiguration, s3:PutLifecycleConfiguration)"
        )
    return "check that the store responds at this address and has this bucket, then repeat the command"


def _status(error: ClientError | BotoCoreError) -> int | None:
    return error.response["ResponseMetadata"]["HTTPStatusCode"] if isinstance(error, ClientError) else None


def main() -> None:
    """Runs the command."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        settings = load_settings(os.environ)
        rules_in_force = apply(lake_of(settings, load_secrets()), settings.providers.massive.retention_days)
    except (ConfigError, LakeError) as error:
        sys.exit(f"lifecycle: {error}")
    _LOG.info(rules_in_force)


if __name__ == "__main__":
    main()
