"""The lakehouse as a contestant: engines that are warm, builds as the flows do them, without Prefect."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from pyspark.sql import SparkSession

from benchmarks.case import SPARK, Work
from config.secrets import Secrets
from config.settings import MassiveSettings, Providers, Settings
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from jobs.engine.session import engine_session
from jobs.pipelines.gold.sessions import build_gold
from jobs.pipelines.silver.bar_files import build_bar_files
from jobs.pipelines.silver.payloads import build_silver
from jobs.pipelines.silver.tables import SILVER_PIPELINES
from jobs.runs.run_context import RunContext, new_run_id
from jobs.runs.stage import StageResult
from quality.soda_scan import load_soda

FETCHED = datetime(2010, 8, 21, 12, tzinfo=UTC)


def workspace(folder: Path, engine: str) -> RunContext:
    """A workspace on the lake in `folder`/lake, its tables created."""
    lake = Lake(str(folder / "lake"))
    create_tables(lake)
    settings = Settings(
        engine="spark" if engine == SPARK else "embedded",
        state_dir=folder / "state",
        providers=Providers(massive=MassiveSettings(universe="all")),
    )
    return RunContext(settings, Secrets(_env_file=None), lake, lambda: FETCHED, new_run_id())


@contextmanager
def warm_session(ctx: RunContext) -> Iterator[SparkSession]:
    """An engine that has written, merged and read a small table before; Soda is imported."""
    load_soda()
    with engine_session(ctx.settings, ctx.lake) as spark:
        warm_up(spark, Path(ctx.lake.root).parent / "warm")
        yield spark


def warm_up(spark: SparkSession, folder: Path) -> None:
    """Writes, merges and reads a small Delta table and a small Parquet file."""
    frame_df = spark.range(1000).selectExpr(
        "id", "cast(id as decimal(18,6)) as price", "cast(id as string) as name"
    )
    frame_df.write.parquet(f"{folder}/file")
    frame_df.write.format("delta").save(f"{folder}/table")
    spark.read.parquet(f"{folder}/file").createOrReplaceTempView("warm")
    spark.sql(
        f"MERGE INTO delta.`{folder}/table` t USING warm s ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    ).collect()
    spark.read.format("delta").load(f"{folder}/table").groupBy("name").count().collect()


def contesting(do: Callable[[RunContext, SparkSession, Path], object], engine: str) -> Work:
    """`do(workspace, engine, inputs)` on a copy of the prepared lake; on Apache Spark done once before."""

    def run(inputs: Path, folder: Path) -> Generator[None]:
        copy_lake(inputs, folder)
        ctx = workspace(folder, engine)
        with warm_session(ctx) as spark:
            if engine == SPARK:  # a server that has done such work before
                copy_lake(inputs, folder / "before")
                do(workspace(folder / "before", engine), spark, inputs)
            yield
            do(ctx, spark, inputs)
            yield

    return run


def payload(dataset: str, symbol: str, interval: str, body: bytes, fetched_at: datetime) -> dict[str, Any]:
    """A row of bronze.raw_payloads around an answer of Alpha Vantage's."""
    return {
        "payload_id": hashlib.sha256(body).hexdigest(),
        "provider": "alphavantage",
        "dataset": dataset,
        "symbol": symbol,
        "interval": interval,
        "request": f"/query?dataset={dataset}&symbol={symbol}",
        "status": 200,
        "content_type": "application/json",
        "fetched_at": fetched_at,
        "is_simulated": False,
        "body": body,
        "run_id": "benchmark",
    }


def raw_file(path: Path, dataset: str, day: date) -> dict[str, Any]:
    """A row of bronze.raw_files for a file of Massive's in the landing area."""
    return {
        "file_id": hashlib.sha256(path.read_bytes()).hexdigest(),
        "provider": "massive",
        "dataset": dataset,
        "file_dt": day,
        "key": path.name,
        "etag": "",
        "size_bytes": path.stat().st_size,
        "path": f"landing/{path.name}",
        "fetched_at": FETCHED,
        "is_simulated": False,
        "run_id": "benchmark",
    }


def keep_payloads(path: Path, payloads: Sequence[Mapping[str, Any]]) -> None:
    """Writes payloads to a file, to be landed when the clock runs."""
    kept = [
        {**each, "body": bytes(each["body"]).decode(), "fetched_at": each["fetched_at"].isoformat()}
        for each in payloads
    ]
    path.write_text(json.dumps(kept), encoding="utf-8")


def kept_payloads(path: Path) -> list[dict[str, Any]]:
    """The payloads in such a file."""
    return [
        {**each, "body": each["body"].encode(), "fetched_at": datetime.fromisoformat(each["fetched_at"])}
        for each in json.loads(path.read_text(encoding="utf-8"))
    ]


def copy_lake(inputs: Path, folder: Path) -> None:
    """The prepared lake, to be changed."""
    copy_tables(inputs / "lake", folder / "lake")


def copy_tables(source: Path, target: Path) -> None:
    """A folder of tables, to be changed: by links, since of a table one file only is written again."""
    shutil.copytree(source, target, copy_function=_link, dirs_exist_ok=True)


def _link(source: str, target: str) -> None:
    if Path(source).name == "_last_checkpoint":
        shutil.copy2(source, target)
    else:
        os.link(source, target)


def build(ctx: RunContext, spark: SparkSession) -> list[StageResult]:
    """Silver, also from flat files, then Gold.

    Raises:
        RuntimeError: a stage did not end well, so that its figures would mean nothing.
    """
    built = [build_silver(ctx, spark, pipeline) for pipeline in SILVER_PIPELINES]
    built += [*build_bar_files(ctx, spark), build_gold(ctx, spark)]
    return ended_well(ctx, built)


def ended_well(ctx: RunContext, built: list[StageResult]) -> list[StageResult]:
    """The same, after what was staged is removed; raises RuntimeError where a stage did not end well."""
    ctx.lake.drop_staging()
    if wrong := [each for each in built if each.status not in {"done", "nothing_new"}]:
        raise RuntimeError(f"wanted every stage done, found {wrong}")
    return built


def rows_of(folder: Path, table: Table, columns: Sequence[str], where: str = "true") -> pa.Table:
    """Columns of a table of the lake in `folder`/lake."""
    lake = Lake(str(folder / "lake"))
    found = pl.scan_delta(lake.uri(table)).filter(pl.sql_expr(where)).select(columns)
    return found.collect().to_arrow()
