"""boto3's client for Massive's file store, with retries off and secrets kept out of the logs."""

from __future__ import annotations

import logging
from typing import Any, Final

from flows.handlers.transport.http_response import host_of
from flows.handlers.transport.redaction import Redactor, guard_loggers
from flows.handlers.transport.retry import HttpPolicy

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_LOGGERS: Final = frozenset({"boto3", "botocore"})


def s3_client(access_key: str, secret_key: str, endpoint_url: str, policy: HttpPolicy) -> Any:  # noqa: ANN401 - boto3 has no types
    """boto3's client: no proxy for a store on this machine, and no checksums beyond those of TLS and gzip."""
    import boto3  # noqa: PLC0415 - takes half a second, which commands that fetch no files need not pay
    from botocore.config import Config  # noqa: PLC0415 - comes with it

    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        connect_timeout=policy.connect_timeout_seconds,
        read_timeout=policy.read_timeout_seconds,
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=policy.pool_size,
        proxies={} if host_of(endpoint_url) in _LOOPBACK else None,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.session.Session().client(
        "s3",
        region_name="us-east-1",
        endpoint_url=endpoint_url,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=config,
    )


def guard_s3_loggers(redactor: Redactor) -> tuple[logging.Logger, ...]:
    """The loggers of boto3 and its libraries, each now filtered: at DEBUG they log signed headers."""
    existing = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in _LOGGERS]
    loggers = [logging.getLogger(name) for name in {*_LOGGERS, *existing}]
    for logger in loggers:
        logger.addFilter(redactor)
    return (*loggers, *guard_loggers(redactor))
