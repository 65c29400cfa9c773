"""Sessions of the engine: the only module that knows which engine is configured."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, cast

from pyspark.errors.exceptions.connect import SparkConnectException, SparkConnectGrpcException
from pyspark.sql import SparkSession
from pyspark.sql.connect.client.core import ChannelBuilder
from pyspark.sql.connect.client.core import logger as connect_log
from pyspark.sql.connect.session import SparkSession as ConnectSession

from config.settings import Settings
from delta_tables.storage.lake import Lake
from jobs.engine.spark_connect import EngineError, local_connect_server

_S3_NAMES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ALLOW_HTTP",
)
_LOOPBACK: Final = {"127.0.0.1", "localhost"}
# messages to a client whose engine was restarted, or is no longer there
_ENDED = ("INVALID_HANDLE.SESSION_NOT_FOUND", "INVALID_HANDLE.OPERATION_NOT_FOUND", "StatusCode.UNAVAILABLE")


@contextmanager
def engine_session(settings: Settings, lake: Lake) -> Iterator[SparkSession]:
    """A Spark Connect session on the configured engine, in UTC, closed at the end.

    `embedded` starts Sail inside this process. `spark` connects to `spark.remote`, or starts a local Apache
    Spark Connect server for the duration of the session.

    Raises:
        EngineError: Apache Spark could not be started or reached, or ended during the work.
    """
    if settings.engine == "embedded":
        with _sail(lake) as remote, _connected(remote) as spark:
            _take_interrupts_from_sail()
            yield spark
    elif settings.spark.remote:
        with _connected(settings.spark.remote) as spark:
            yield spark
    else:
        memory = settings.spark.driver_memory
        with local_connect_server(settings.state_dir, memory, lake) as remote, _connected(remote) as spark:
            yield spark


@contextmanager
def _connected(remote: str) -> Iterator[SparkSession]:
    spark = _new_session(remote)
    if not connect_log.isEnabledFor(logging.INFO):
        # PySpark 3.5.7 formats each plan as text for a log line, even if the log is off
        spark.client._proto_to_string = _no_text  # type: ignore[method-assign] # of this one object
    try:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        yield spark
    except SparkConnectGrpcException as error:
        if any(sign in str(error) for sign in _ENDED):
            raise EngineError(
                f"The engine at {remote} ended or restarted during the work. No table was half-published. "
                "Run again when the engine is available."
            ) from error
        raise
    finally:
        with suppress(SparkConnectException):  # an engine that is gone cannot be stopped
            spark.stop()
        _release(spark)


def _new_session(remote: str) -> SparkSession:
    """A new session, as `SparkSession.builder.remote(remote).create()`, but without a proxy on loopback.

    gRPC would connect to an engine of this machine through the proxy that `http_proxy` names.
    """
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"  # as that builder does: functions build Connect columns
    channel = ChannelBuilder(remote)
    if channel.host in _LOOPBACK:
        channel = ChannelBuilder(remote, [("grpc.enable_http_proxy", 0)])
    return cast(SparkSession, ConnectSession.Builder().channelBuilder(channel).create())


def _take_interrupts_from_sail() -> None:
    """Sets this process' own handler of SIGINT again, in place of the one that Sail installs when it starts.

    Sail ends its server on Ctrl-C, even in the middle of a commit, which then waits for it forever.
    """
    own = signal.getsignal(signal.SIGINT)
    if own is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, own)


def _release(spark: SparkSession) -> None:
    """Lets Python collect a stopped session without closing it a second time, as PySpark 3.5.7 does.

    That close joins the threads by which all sessions of a process release results. If Python collects the
    session in one of these threads, the thread joins itself forever, holding the lock that each later stop()
    waits for (SPARK-55362).
    """
    spark.client.close = _nothing  # type: ignore[method-assign] # of this one object


def _no_text(p: object) -> str:  # noqa: ARG001 - named as in PySpark
    """An empty text, for a log that is off."""
    return ""


def _nothing() -> None:
    """Does nothing."""


@contextmanager
def _sail(lake: Lake) -> Iterator[str]:
    # Sail reads the store's address from the environment of this process and logs at INFO to stderr.
    os.environ.setdefault("RUST_LOG", "error")
    os.environ.update({name: lake.options[name] for name in _S3_NAMES if name in lake.options})
    from pysail.spark import SparkConnectServer  # noqa: PLC0415 - reads RUST_LOG when imported

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    try:
        host, port = server.listening_address
        yield f"sc://{host}:{port}"
    finally:
        server.stop()
