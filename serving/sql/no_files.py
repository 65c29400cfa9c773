"""Apache Spark's own lock on files named in SQL, beside the check of the statement."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

_RUN_ON_FILES = "spark.sql.runSQLOnFiles"


@contextmanager
def without_files(spark: SparkSession) -> Iterator[None]:
    """While it lasts, this session of Apache Spark (3.5) takes text.`/a/path` for an unknown table.

    Not for longer, because a MERGE into delta.`/a/path` needs the same switch. The embedded engine (Sail
    0.7.2) keeps the setting and does not heed it; there serving.sql.sources alone refuses files.
    """
    spark.conf.set(_RUN_ON_FILES, "false")
    try:
        yield
    finally:
        spark.conf.unset(_RUN_ON_FILES)
