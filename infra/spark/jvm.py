"""Whether the JVM that a PySpark driver started is at work; it can end while the Python process lives on."""

import logging
import signal
import subprocess
from contextlib import suppress
from typing import Any

from py4j.protocol import Py4JError  # type: ignore[import-untyped] # it has no types
from pyspark.sql import SparkSession

_LOG = logging.getLogger("lakehouse.spark")
_AGAIN = "this process ends, too, to be started again"
_DYING_SECONDS = 5.0  # from the end of a JVM's answers to the end of its process


class SparkEndedError(Exception):
    """Spark is not at work any more, though this process is: says how it ended."""


def require_at_work(spark: SparkSession) -> None:
    """Passes where the JVM runs and Spark in it.

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
        raise SparkEndedError(f"Spark's JVM does not answer ({type(error).__name__}): {_AGAIN}") from None
    if is_stopped:
        raise SparkEndedError(f"Spark has stopped by itself: {_AGAIN}")


def stop_in_order(spark: SparkSession) -> None:
    """Stops Spark; without a JVM there is nothing left to stop."""
    if _jvm(spark).poll() is not None:
        return
    try:
        spark.stop()
    except (Py4JError, OSError) as error:
        _LOG.warning("Spark could not be stopped in order: %s", type(error).__name__)


def _require_process(spark: SparkSession) -> None:
    if (code := _jvm(spark).poll()) is not None:
        raise SparkEndedError(f"Spark's JVM has ended ({_ending(code)}): {_AGAIN}")


def _jvm(spark: SparkSession) -> "subprocess.Popen[bytes]":
    """The process that PySpark has started: spark-submit, which has become the JVM (exec)."""
    gateway: Any = spark.sparkContext._gateway
    process: subprocess.Popen[bytes] = gateway.proc
    return process


def _ending(code: int) -> str:
    if code == -signal.SIGKILL:
        return "killed, as the kernel does where memory is short"
    return f"exit code {code}"
