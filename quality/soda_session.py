"""A Spark session as Soda needs it, on the embedded engine and on Apache Spark."""

from dataclasses import dataclass, replace

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql.types import StructField, StructType

_DESCRIBE = "DESCRIBE "
_FEW = 1000


@dataclass(frozen=True)
class Answer:
    """The whole result of a query, by as much of a DataFrame's interface as Soda's cursor uses."""

    schema: StructType
    rows: tuple[Row, ...]

    def collect(self) -> list[Row]:
        """The rows."""
        return list(self.rows)

    def count(self) -> int:
        """Their number."""
        return len(self.rows)

    def offset(self, number: int) -> "Answer":
        """Without the first so many."""
        return replace(self, rows=self.rows[number:])

    def limit(self, number: int) -> "Answer":
        """The first so many."""
        return replace(self, rows=self.rows[:number])


class SodaSession:
    """Answers Soda's queries with the same meaning on every engine.

    Soda reads a row's values by column name. Sail names both `count(case when a is null ...)` and
    `count(case when b is null ...)` alike, so every missing_count would be that of the first column.
    """

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark

    def sql(self, sqlQuery: str) -> DataFrame | Answer:  # noqa: N803  Soda passes it by this keyword
        """The result of the query, each column under a name of its own.

        Most results are a row or a few: those are fetched once. Soda's cursor counts a result, and asks the
        engine for it a hundred rows at a time, the whole query each time.
        """
        result_df = self._spark.sql(describe_table(sqlQuery))
        found = result_df.schema  # each look at it asks the engine
        schema = _with_own_names(found)
        if schema is not found:
            result_df = result_df.toDF(*schema.names)
        first = result_df.limit(_FEW + 1).collect()
        return result_df if len(first) > _FEW else Answer(schema, tuple(first))


def _with_own_names(schema: StructType) -> StructType:
    if len(set(schema.names)) == len(schema.names):
        return schema
    return StructType(
        [StructField(f"value_{index}", field.dataType) for index, field in enumerate(schema.fields)]
    )


def describe_table(query: str) -> str:
    """The query with `DESCRIBE x` spelled `DESCRIBE TABLE x`.

    Sail 0.7 knows the long form only; to Apache Spark both are the same.
    """
    if query.startswith(_DESCRIBE) and not query.startswith(f"{_DESCRIBE}TABLE "):
        return f"{_DESCRIBE}TABLE {query.removeprefix(_DESCRIBE)}"
    return query
