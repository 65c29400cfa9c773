"""Checks whether the JVM of a PySpark driver is running; it can end while the Python process continues."""

import logging
import signal
import subprocess
from contextlib import suppress
from typing import Any

from py4j.protocol import Py4JError  # type: ignore[import-untyped] # it has no types
from pyspark.sql import SparkSession

_LOG = logging.getLogger("lakehouse.spark")
_RESTART = "this process ends as well, so that it is restarted"
_DYING_SECONDS = 5.0  # from a JVM's last response to the end of its process


class SparkEndedError(Exception):
    """Spark has ended while this process still runs; the message says how."""


def require_running(spark: SparkSession) -> None:
    """Checks that the JVM and Spark inside it are running.

    Raises:
        SparkEndedError: one of them has ended.
    """
    _require_process(spark)
    try:
        is_stopped = spark.sparkContext._jsc.sc().isStopped()
    except (Py4JError, OSError) as error:
        with suppress(subprocess.TimeoutExpired):
            _jvm(spark).wait(timeout=_DYING_SECONDS)
        _require_process(spark)
        raise SparkEndedError(f"Spark's JVM does not respond ({type(error).__name__}): {_RESTART}") from None
    if is_stopped:
        raise SparkEndedError(f"Spark has stopped by itself: {_RESTART}")


def stop_cleanly(spark: SparkSession) -> None:
    """Stops Spark, unless its JVM has ended already."""
    if _jvm(spark).poll() is not None:
        return
    try:
        spark.stop()
    except (Py4JError, OSError) as error:
        _LOG.warning("Spark could not be stopped cleanly: %s", type(error).__name__)


def _require_process(spark: SparkSession) -> None:
    if (code := _jvm(spark).poll()) is not None:
        raise SparkEndedError(f"Spark's JVM has ended ({_ending(code)}): {_RESTART}")


def _jvm(spark: SparkSession) -> "subprocess.Popen[bytes]":
    """Returns the process that PySpark started: spark-submit, which has become the JVM (exec)."""
    gateway: Any = spark.sparkContext._gateway
    process: subprocess.Popen[bytes] = gateway.proc
    return process


def _ending(code: int) -> str:
    if code == -signal.SIGKILL:
        return "killed, as the kernel does when memory is short"
    return f"exit code {code}"
