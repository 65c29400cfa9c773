"""The one long-lived Spark driver of a lake: Spark Connect for the flows, JDBC (Thrift) for SQL tools.

Where do I go to...?
    change Spark's settings                      `conf` here, delta_tables/storage/spark_settings.py
    see which tables are registered              delta_tables/tables/catalogue.py
    know why a lake in a bucket has one driver   docs/adr/0007

Neither port has a password: publish them on loopback or a private network only.
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
from infra.spark.jvm import SparkEndedError, require_running, stop_cleanly
from infra.spark.registration import register

CONNECT_PORT = "15002"
JDBC_PORT = "10000"
WAIT_SECONDS = 1.25 * SECONDS  # by then the lease of a dead driver has expired
_CHECK_SECONDS = 5.0
_LOG = logging.getLogger("lakehouse.spark")


def conf(lake: Lake, environ: Mapping[str, str]) -> dict[str, str]:
    """Returns Spark's settings for serving this lake; an unreachable store fails within a minute."""
    return {
        "spark.app.name": "market-lakehouse",
        **_reachable(environ.get("SPARK_MASTER", "local[*]")),
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


def _reachable(master: str) -> dict[str, str]:
    """The master, and under a cluster's the name at which its executors find this driver in their network."""
    if master.startswith("local"):
        return {"spark.master": master}
    everywhere = "0.0.0.0"  # noqa: S104 - the container's own networks
    return {"spark.master": master, "spark.driver.host": "spark", "spark.driver.bindAddress": everywhere}


@contextmanager
def only_driver(
    lake: Lake, place: str, wait_seconds: float = WAIT_SECONDS, seconds: float = SECONDS
) -> Iterator[Callable[[], None]]:
    """Yields a check that passes until another driver takes over this lake; for a folder it always passes.

    `place` identifies the host of this driver. It takes over at once from a driver killed on the same host,
    and from one on another host when its lease has expired. If the store is unreachable for a while and
    nobody takes the lease, the lease stays valid.

    Raises:
        LeaseHeldError: another driver serves this lake; the check raises it as well, after a takeover.
        LakeError: the store cannot be reached.
    """
    if not lake.is_s3:
        yield lambda: None
        return
    _LOG.info("waiting up to %.0f s for the lease to write %s", wait_seconds, lake.root)
    with lease(lake, "spark-driver", wait_seconds, seconds, place) as held:
        yield held.raise_if_lost


def serve(lake: Lake, environ: Mapping[str, str], require_lease: Callable[[], None]) -> NoReturn:
    """Serves the lake until an error or a signal ends the process.

    Raises:
        LeaseHeldError: from `require_lease`, once another driver serves this lake.
        SparkEndedError: the JVM, or Spark inside it, has ended.
    """
    create_tables(lake)
    builder = SparkSession.builder
    for key, value in conf(lake, environ).items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    try:
        _exit_on_signals()  # PySpark has installed its own handler for SIGINT
        names = register(spark, lake)
        jvm = spark.sparkContext._jvm
        assert jvm is not None  # this is no Connect session
        thrift = jvm.org.apache.spark.sql.hive.thriftserver.HiveThriftServer2
        thrift.startWithContext(spark._jsparkSession.sqlContext())
        _LOG.info("%d tables and views of %s", len(names), lake.root)
        _LOG.info("Connect on %s, JDBC on %s", CONNECT_PORT, JDBC_PORT)
        while True:
            require_lease()
            require_running(spark)
            time.sleep(_CHECK_SECONDS)
    finally:
        stop_cleanly(spark)


def _exit_on_signals() -> None:
    """Lets SIGTERM and SIGINT end this process cleanly: Spark stops and the lease is released."""

    def end(*_: object) -> NoReturn:
        raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def main() -> None:
    """Serves until a stop signal; exits with 1 and one line of explanation if it cannot serve any longer."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("py4j").setLevel(logging.WARNING)  # it logs each connection that it closes
    _exit_on_signals()
    try:
        lake = lake_of(load_settings(os.environ), load_secrets())
        with only_driver(lake, socket.gethostname()) as require_lease:
            serve(lake, os.environ, require_lease)
    except (ConfigError, LakeError, SparkEndedError) as error:
        _LOG.error("%s", error)
        raise SystemExit(1) from None
    except (PySparkException, Py4JError) as error:
        _LOG.error("Spark could not serve: %s", _first_lines(error))
        raise SystemExit(1) from None


def _first_lines(error: Exception) -> str:
    """Returns the first two lines of the message; the rest is the JVM's stack trace."""
    return " ".join(line.strip() for line in str(error).strip().splitlines()[:2])


if __name__ == "__main__":
    main()
