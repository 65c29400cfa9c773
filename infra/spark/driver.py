"""The one long-lived Spark driver of a lake: Spark Connect for the flows, JDBC (Thrift) for SQL tools.

Where do I go to ... the settings of Spark: `conf` here; the tables that it knows: delta_tables/catalogue.py.
Neither port asks for a password: publish them on loopback or a private network only.
"""

import logging
import os
import signal
import threading
from collections.abc import Mapping

from pyspark.sql import SparkSession

from config.load import load_settings
from config.secrets import load_secrets
from delta_tables.create_tables import create_tables
from delta_tables.lake import Lake, lake_of
from infra.spark.registration import register

CONNECT_PORT = "15002"
JDBC_PORT = "10000"
_LOG = logging.getLogger("lakehouse.spark")


def conf(lake: Lake, environ: Mapping[str, str]) -> dict[str, str]:
    """Spark's settings for serving this lake; an unreachable store fails within a minute."""
    settings = {
        "spark.app.name": "market-lakehouse",
        "spark.master": environ.get("SPARK_MASTER", "local[*]"),
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "0.0.0.0",  # noqa: S104 - the container's own network
        "spark.connect.grpc.binding.port": CONNECT_PORT,
        "spark.hive.server2.thrift.bind.host": "0.0.0.0",  # noqa: S104
        "spark.hive.server2.thrift.port": JDBC_PORT,
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": environ.get("SPARK_SHUFFLE_PARTITIONS", "4"),
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.ui.enabled": "false",
        "spark.sql.warehouse.dir": "/spark/warehouse",
    }
    return settings | (s3a_conf(lake) if lake.is_s3 else {})


def s3a_conf(lake: Lake) -> dict[str, str]:
    """S3A's settings; credentials come from the environment. With its default limits a dead store hangs."""
    conf = {
        "path.style.access": "true",
        "attempts.maximum": "2",
        "retry.limit": "2",
        "retry.throttle.limit": "3",
        "connection.establish.timeout": "2000",
        "aws.credentials.provider": "com.amazonaws.auth.EnvironmentVariableCredentialsProvider",
        "endpoint.region": lake.options.get("AWS_REGION", "us-east-1"),
    }
    if endpoint := lake.options.get("AWS_ENDPOINT_URL"):
        conf |= {"endpoint": endpoint, "connection.ssl.enabled": str(endpoint.startswith("https")).lower()}
    return {f"spark.hadoop.fs.s3a.{key}": value for key, value in conf.items()}


def main() -> None:
    """Serves until it is told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    lake = lake_of(load_settings(os.environ), load_secrets())
    create_tables(lake)
    builder = SparkSession.builder
    for key, value in conf(lake, os.environ).items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    names = register(spark, lake)
    thrift = spark.sparkContext._jvm.org.apache.spark.sql.hive.thriftserver.HiveThriftServer2
    thrift.startWithContext(spark._jsparkSession.sqlContext())
    _LOG.info(
        "%d tables and views of %s: Connect on %s, JDBC on %s", len(names), lake.root, CONNECT_PORT, JDBC_PORT
    )
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
    spark.stop()


if __name__ == "__main__":
    main()
