"""Apache Spark with Delta as most pipelines start it: a session of its own, all settings as they come."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from benchmarks.case import Work
from benchmarks.lakes import warm_up
from jobs.engine.spark_connect import find_java_home

_DELTA = "io.delta:delta-spark_2.12:3.3.3"


@contextmanager
def plain_session(folder: Path) -> Iterator[SparkSession]:
    """A classic session with Delta and the memory that the lakehouse's server has, warmed up alike."""
    os.environ["JAVA_HOME"] = str(find_java_home())
    builder = SparkSession.builder.master("local[*]").appName("plain")
    conf = {
        "spark.driver.memory": "4g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.jars.packages": _DELTA,
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.showConsoleProgress": "false",
    }
    for name, value in conf.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    try:
        warm_up(spark, folder / "warm")
        yield spark
    finally:
        spark.stop()


def _nothing(_inputs: Path, _folder: Path) -> None:
    """What has to lie in the folder of a load into new tables."""


def twice(
    load: Callable[[SparkSession, Path, Path], None], lay: Callable[[Path, Path], None] = _nothing
) -> Work:
    """`load(spark, inputs, folder)` in a session that has done so before.

    `lay(inputs, folder)` puts the tables there, unmeasured, that the load changes.
    """

    def run(inputs: Path, folder: Path) -> Generator[None]:
        with plain_session(folder) as spark:
            lay(inputs, folder / "before")
            load(spark, inputs, folder / "before")
            lay(inputs, folder)
            yield
            load(spark, inputs, folder)
            yield

    return run


def merge(spark: SparkSession, path: str, view: str, keys: tuple[str, ...], within: str = "true") -> None:
    """The merge of the tutorials: by key, all columns; `within` says which part of the table is meant."""
    condition = " AND ".join([within, *(f"t.{key} = s.{key}" for key in keys)])
    spark.sql(
        f"MERGE INTO delta.`{path}` t USING {view} s ON {condition} "
        "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    )
