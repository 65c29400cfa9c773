"""A Spark session as Soda needs it, on the embedded engine and on Apache Spark."""

from pyspark.sql import DataFrame, SparkSession

_DESCRIBE = "DESCRIBE "


class SodaSession:
    """Answers Soda's queries with the same meaning on every engine.

    Soda reads a row's values by column name. Sail names both `count(case when a is null ...)` and
    `count(case when b is null ...)` alike, so every missing_count would be that of the first column.
    """

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark

    def sql(self, sqlQuery: str) -> DataFrame:  # noqa: N803  Soda passes it by this keyword
        """The result of the query, each column under a name of its own."""
        result_df = self._spark.sql(describe_table(sqlQuery))
        names = result_df.columns
        if len(set(names)) == len(names):
            return result_df
        return result_df.toDF(*(f"value_{index}" for index in range(len(names))))


def describe_table(query: str) -> str:
    """The query with `DESCRIBE x` spelled `DESCRIBE TABLE x`.

    Sail 0.7 knows the long form only; to Apache Spark both are the same.
    """
    if query.startswith(_DESCRIBE) and not query.startswith(f"{_DESCRIBE}TABLE "):
        return f"{_DESCRIBE}TABLE {query.removeprefix(_DESCRIBE)}"
    return query
