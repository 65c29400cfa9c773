"""The one long-lived Spark driver of a lake: Spark Connect for the flows, JDBC (Thrift) for SQL tools.

Where do I go to ... the settings of Spark: `conf` here and delta_tables/storage/spark_settings.py; the tables
that it knows: delta_tables/tables/catalogue.py; why a lake in a bucket has one driver: docs/adr/0007. Neither
port asks for a password: publish them on loopback or a private network only.
"""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

from py4j.protocol import Py4JError  # type: ignore[import-untyped] # it has no types
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from config.load import ConfigError, load_settings
from config.secrets import load_secrets
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake, LakeError, lake_of
from delta_tables.storage.lease import SECONDS, lease
from delta_tables.storage.spark_settings import engine_settings, store_settings
from infra.spark.jvm import SparkEndedError, require_at_work, stop_in_order
from infra.spark.registration import register

CONNECT_PORT = "15002"
JDBC_PORT = "10000"
WAIT_SECONDS = 1.25 * SECONDS  # by then the lease of a driver that died is over
_LOOK_SECONDS = 5.0
_LOG = logging.getLogger("lakehouse.spark")


def conf(lake: Lake, environ: Mapping[str, str]) -> dict[str, str]:
    """Spark's settings for serving this lake; an unreachable store fails within a minute."""
    return {
        "spark.app.name": "market-lakehouse",
        "spark.master": environ.get("SPARK_MASTER", "local[*]"),
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "0.0.0.0",  # noqa: S104 - the container's own network
        "spark.connect.grpc.binding.port": CONNECT_PORT,
        "spark.hive.server2.thrift.bind.host": "0.0.0.0",  # noqa: S104
        "spark.hive.server2.thrift.port": JDBC_PORT,
        "spark.driver.extraJavaOptions": environ.get("SPARK_DRIVER_JAVA_OPTIONS", ""),
        **engine_settings(),
        "spark.sql.shuffle.partitions": environ.get("SPARK_SHUFFLE_PARTITIONS", "4"),
        **store_settings(lake),
    }


@contextmanager
def only_driver(
    lake: Lake, place: str, wait_seconds: float = WAIT_SECONDS, seconds: float = SECONDS
) -> Iterator[Callable[[], None]]:
    """A check that passes until another driver has taken this lake over; of a folder it always passes.

    `place` is where this driver runs: one that was killed there is followed at once, one that died elsewhere
    when its lease is over. While the store is away the lease is kept; if nobody took it, it goes on.

    Raises:
        LeaseHeldError: another driver serves this lake; by the check too, once it was taken over.
        LakeError: the store cannot be asked.
    """
    if not lake.is_s3:
        yield lambda: None
        return
    _LOG.info("asks for the right to write %s, for up to %.0f s", lake.root, wait_seconds)
    with lease(lake, "spark-driver", wait_seconds, seconds, place) as held:
        yield held.raise_if_lost


def serve(lake: Lake, environ: Mapping[str, str], require_ours: Callable[[], None]) -> NoReturn:
    """Serves the lake for ever.

    Raises:
        LeaseHeldError: what `require_ours` raises once another driver serves this lake.
        SparkEndedError: the JVM has ended, or Spark in it.
    """
    create_tables(lake)
    builder = SparkSession.builder
    for key, value in conf(lake, environ).items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    try:
        _end_when_told()  # PySpark has set its own answer to SIGINT
        names = register(spark, lake)
        jvm = spark.sparkContext._jvm
        assert jvm is not None  # this is no Connect session
        thrift = jvm.org.apache.spark.sql.hive.thriftserver.HiveThriftServer2
        thrift.startWithContext(spark._jsparkSession.sqlContext())
        _LOG.info("%d tables and views of %s", len(names), lake.root)
        _LOG.info("Connect on %s, JDBC on %s", CONNECT_PORT, JDBC_PORT)
        while True:
            require_ours()
            require_at_work(spark)
            time.sleep(_LOOK_SECONDS)
    finally:
        stop_in_order(spark)


def _end_when_told() -> None:
    """SIGTERM and SIGINT end this process in order, wherever it is: Spark stops, the lease is given back."""

    def end(*_: object) -> NoReturn:
        raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def main() -> None:
    """Serves until it is told to stop; exit code 1, and why in one line, where it may not serve any more."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("py4j").setLevel(logging.WARNING)  # it tells of each connection that it closes
    _end_when_told()
    try:
        lake = lake_of(load_settings(os.environ), load_secrets())
        with only_driver(lake, socket.gethostname()) as require_ours:
            serve(lake, os.environ, require_ours)
    except (ConfigError, LakeError, SparkEndedError) as error:
        _LOG.error("%s", error)
        raise SystemExit(1) from None
    except (PySparkException, Py4JError) as error:
        _LOG.error("Spark could not serve: %s", _in_one_line(error))
        raise SystemExit(1) from None


def _in_one_line(error: Exception) -> str:
    """What was done and why it failed; the rest is the JVM's stack trace."""
    return " ".join(line.strip() for line in str(error).strip().splitlines()[:2])


if __name__ == "__main__":
    main()
