"""The store of a lake in a bucket, spoken to without Delta: conditional writes and what they allow."""

import secrets as random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from delta_tables.storage.lake import Lake, LakeError

_TAKEN = frozenset({409, 412})  # PreconditionFailed, and AWS' ConditionalRequestConflict
_TIMEOUT_SECONDS = 10
_ATTEMPTS = 3


def store_client(
    lake: Lake, connections: int = 10, timeout_seconds: float = _TIMEOUT_SECONDS, attempts: int = _ATTEMPTS
) -> Any:  # noqa: ANN401 - boto3 has no types
    """A boto3 client for the lake's store; it fails within a minute where nobody answers."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=lake.options.get("AWS_ENDPOINT_URL"),
        region_name=lake.options.get("AWS_REGION"),
        aws_access_key_id=lake.options.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=lake.options.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=lake.options.get("AWS_SESSION_TOKEN"),
        config=Config(
            connect_timeout=timeout_seconds,
            read_timeout=timeout_seconds,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            max_pool_connections=connections,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def bucket_and_key(lake: Lake, path: str) -> tuple[str, str]:
    """Bucket and key of `path` below the lake's root."""
    bucket, _, prefix = lake.root.split("://", 1)[1].partition("/")
    return bucket, f"{prefix}/{path}".lstrip("/")


def is_taken(error: ClientError) -> bool:
    """Whether a conditional write was refused because its condition did not hold."""
    return error.response["ResponseMetadata"]["HTTPStatusCode"] in _TAKEN


def create_winners(lake: Lake, writers: int = 32) -> int:
    """How many of `writers` at once succeed to create one and the same object; 1 where the store is sound.

    Every lake in a bucket rests on this: a Delta commit is the creation of a file that nobody else creates.
    Nothing is sent twice: the repeat of a creation whose answer was lost would be refused by the object that
    it made itself.

    Raises:
        LakeError: the store cannot be asked or does not know conditional writes, or told nobody that it won.
    """
    client = store_client(lake, connections=writers, attempts=1)
    bucket, key = bucket_and_key(lake, f"_probe/{random.token_hex(8)}")

    def create(number: int) -> bool:
        try:
            client.put_object(Bucket=bucket, Key=key, Body=str(number).encode(), IfNoneMatch="*")
        except ClientError as error:
            if is_taken(error):
                return False
            raise
        return True

    try:
        with ThreadPoolExecutor(writers) as pool:
            won = sum(pool.map(create, range(writers)))
        client.delete_object(Bucket=bucket, Key=key)
    except (ClientError, BotoCoreError) as error:
        raise LakeError(
            f"{lake.root}: the store cannot be probed ({error}); check its address and keys, then repeat"
        ) from None
    if not won:
        raise LakeError(
            f"{lake.root}: the store cannot be probed: of {writers} writers at once none was told that it "
            "created the object; repeat this, and if it stays so, use another store"
        )
    return won
