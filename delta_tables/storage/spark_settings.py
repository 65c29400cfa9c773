"""The settings that Apache Spark works with on a lake, said once: for the stack's driver, for a local server.

Names and values are Spark's own. The image of the driver has this package and `config`, nothing else of ours.
"""

from delta_tables.storage.lake import Lake


def engine_settings() -> dict[str, str]:
    """Delta, UTC, few partitions, and Spark Connect's patience with a client that is gone.

    A client that died leaves what it asked for at work. The server notices at the end of its stream, after
    10 s at most (a living client takes up the next one), and looks every 10 s for whom nobody has come back
    in 20 s: that is cancelled after 40 s at most, before anybody may follow the dead one as the lake's
    writer, which is after delta_tables.storage.lease.SECONDS. Spark's own values are 2 minutes, 30 s and 5
    minutes.

    VACUUM lists a table's folders in as many tasks as parallelPartitionDiscovery.parallelism says: with
    Spark's own 10,000 that of a small table took 122 s on two cores, with 8 it took 13 s.

    A build compiles some hundreds of pieces of code. Spark keeps 100, so that each build began cold: the
    second of a year's daily bars took 72 and 59 s; with room for all 50 s, and the third 43 s (single runs).

    Spark would put its environment, where the store's keys are, into any statement with `${env:NAME}`, also
    one that comes by JDBC: variable.substitute is off.
    """
    return {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.variable.substitute": "false",
        "spark.sql.codegen.cache.maxEntries": "1000",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
        "spark.sql.warehouse.dir": "spark-warehouse",
        "spark.ui.enabled": "false",
        "spark.connect.execute.reattachable.senderMaxStreamDuration": "10s",
        "spark.connect.execute.manager.detachedTimeout": "20s",
        "spark.connect.execute.manager.maintenanceInterval": "10s",
    }


def store_settings(lake: Lake) -> dict[str, str]:
    """How S3A reaches the lake's store; nothing for a folder. Credentials come from the environment.

    With S3A's own limits (hadoop-aws 3.3.4) a dead store hangs: 200 s of silence are waited for, and up to
    21 attempts of the client are each repeated 7 times by S3A. A query tries two things in turn before it
    gives up, so it ends after 2 things x 2 attempts x 10 s of silence. Only S3A repeats here, not the client
    below it. A request may take longer than 10 s as long as bytes come: fs.s3a.connection.request.timeout,
    which would bound the whole of it, stays unset.
    """
    if not lake.is_s3:
        return {}
    conf = {
        "path.style.access": "true",
        "attempts.maximum": "0",
        "retry.limit": "1",
        "retry.throttle.limit": "3",
        "connection.establish.timeout": "2000",
        "connection.timeout": "10000",
        "aws.credentials.provider": "com.amazonaws.auth.EnvironmentVariableCredentialsProvider",
        "endpoint.region": lake.options.get("AWS_REGION", "us-east-1"),
    }
    if endpoint := lake.options.get("AWS_ENDPOINT_URL"):
        conf |= {"endpoint": endpoint, "connection.ssl.enabled": str(endpoint.startswith("https")).lower()}
    return {f"spark.hadoop.fs.s3a.{key}": value for key, value in conf.items()}
