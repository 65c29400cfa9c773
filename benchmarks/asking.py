"""Questions to the prepared lake: reading is measured; what was read is left when the clock has stopped."""

from collections.abc import Callable, Generator, Mapping
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import polars.selectors as cs
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from benchmarks.case import SPARK, Work
from benchmarks.lakes import copy_lake, warm_session, workspace
from benchmarks.peers.plain_spark import plain_session
from serving.sql.run import run_query

_ROWS = "rows.parquet"


def asking(question: str, engine: str) -> Work:
    """`lakehouse sql` without its start; on Apache Spark asked once before."""

    def run(inputs: Path, folder: Path) -> Generator[None]:
        copy_lake(inputs, folder)
        ctx = workspace(folder, engine)
        with warm_session(ctx) as spark:
            if engine == SPARK:
                run_query(spark, ctx.lake, question)
            yield
            found = run_query(spark, ctx.lake, question)
            yield
        _leave(folder, found)

    return run


def reading(read: Callable[[Path], pa.Table]) -> Work:
    """`read(lake)` by a library that has been used before, for something else."""

    def run(inputs: Path, folder: Path) -> Generator[None]:
        with duckdb.connect() as connection:
            connection.execute("SELECT 1").fetchall()
        pl.LazyFrame({"one": [1]}).collect()
        yield
        found = read(inputs / "lake")
        yield
        _leave(folder, found)

    return run


def reading_spark(read: Callable[[SparkSession, Path], DataFrame], schema: pa.Schema) -> Work:
    """The rows of `read(spark, lake)` as a pandas frame, by a plain session that has been asked before.

    Arrow is switched on, as the documentation of toPandas says; `schema` is that of the rows.
    """

    def run(inputs: Path, folder: Path) -> Generator[None]:
        with plain_session(folder) as spark:
            spark.conf.set("spark.sql.execution.arrow.pyspark.enabled", "true")
            read(spark, inputs / "lake").toPandas()
            yield
            found: pd.DataFrame = read(spark, inputs / "lake").toPandas()
            yield
        _leave(folder, pa.Table.from_pandas(found, schema=schema, preserve_index=False))

    return run


def duckdb_rows(lake: Path, table: str, question: str) -> pa.Table:
    """The answer to a question over the files of the table's newest version, by their name `stored`."""
    files = DeltaTable(str(lake / table)).file_uris()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.read_parquet(files, hive_partitioning=True).create_view("stored")
        return connection.sql(question).to_arrow_table()


def _leave(folder: Path, found: pa.Table) -> None:
    rows = pl.DataFrame(found).with_columns(cs.categorical().cast(pl.String))  # the reader's symbols
    rows.write_parquet(folder / _ROWS)


def answer(folder: Path) -> Mapping[str, pa.Table]:
    """The rows that were read."""
    return {"rows": pq.read_table(folder / _ROWS)}
