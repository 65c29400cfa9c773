"""Apache Spark's own lock on files and variables named in SQL, beside the check of the statement."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

_LOCKED = ("spark.sql.runSQLOnFiles", "spark.sql.variable.substitute")


@contextmanager
def without_files(spark: SparkSession) -> Iterator[None]:
    """While it lasts, this session of Apache Spark (3.5) takes text.`/a/path` for an unknown table.

    Nor does it replace `${env:NAME}` by a variable of its environment, where its keys are. Not for longer,
    because a MERGE into delta.`/a/path` needs the first switch. The embedded engine (Sail 0.7.2) keeps the
    settings and does not heed them; there serving.sql.sources alone refuses files.
    """
    for name in _LOCKED:
        spark.conf.set(name, "false")
    try:
        yield
    finally:
        for name in _LOCKED:
            spark.conf.unset(name)
