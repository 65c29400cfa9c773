"""A Spark session as Soda needs it, on the embedded engine and on Apache Spark."""

from dataclasses import dataclass, replace

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql.types import StructField, StructType

_DESCRIBE = "DESCRIBE "
_MAX_FETCHED_ROWS = 1000


@dataclass(frozen=True)
class FetchedResult:
    """A query's whole result, with the part of a DataFrame's interface that Soda's cursor uses."""

    schema: StructType
    rows: tuple[Row, ...]

    def collect(self) -> list[Row]:
        """The rows."""
        return list(self.rows)

    def count(self) -> int:
        """The number of rows."""
        return len(self.rows)

    def offset(self, number: int) -> "FetchedResult":
        """The rows after the first `number`."""
        return replace(self, rows=self.rows[number:])

    def limit(self, number: int) -> "FetchedResult":
        """The first `number` rows."""
        return replace(self, rows=self.rows[:number])


class SodaSession:
    """Runs Soda's queries with the same meaning on every engine.

    Soda reads a row's values by column name. Sail names both `count(case when a is null ...)` and
    `count(case when b is null ...)` alike, so every missing_count would be that of the first column.
    """

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark

    def sql(self, sqlQuery: str) -> DataFrame | FetchedResult:  # noqa: N803  Soda passes it by this keyword
        """The result of the query, each column under a name of its own.

        Most results are one or a few rows and are fetched once. Soda's cursor would count a result and fetch
        it a hundred rows at a time, running the whole query each time.
        """
        result_df = self._spark.sql(describe_table(sqlQuery))
        found = result_df.schema  # each access queries the engine
        schema = _with_own_names(found)
        if schema is not found:
            result_df = result_df.toDF(*schema.names)
        first = result_df.limit(_MAX_FETCHED_ROWS + 1).collect()
        return result_df if len(first) > _MAX_FETCHED_ROWS else FetchedResult(schema, tuple(first))


def _with_own_names(schema: StructType) -> StructType:
    if len(set(schema.names)) == len(schema.names):
        return schema
    return StructType(
        [StructField(f"value_{index}", field.dataType) for index, field in enumerate(schema.fields)]
    )


def describe_table(query: str) -> str:
    """The query with `DESCRIBE x` spelled `DESCRIBE TABLE x`.

    Sail 0.7 knows the long form only; Apache Spark takes both.
    """
    if query.startswith(_DESCRIBE) and not query.startswith(f"{_DESCRIBE}TABLE "):
        return f"{_DESCRIBE}TABLE {query.removeprefix(_DESCRIBE)}"
    return query
