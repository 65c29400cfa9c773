"""The flow `build`: from what has landed to Silver and Gold, each batch through its gate."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from pyspark.sql import SparkSession

from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.lease import SECONDS, lease
from flows.completeness.check import check_completeness
from flows.ingestion.file_retention import expire_built_files
from flows.operations.run_summary import RunSummary, conclude
from jobs.engine.session import engine_session
from jobs.pipelines.gold_sessions import build_gold, rebuild_gold
from jobs.pipelines.gold_ticks import build_tick_gold
from jobs.pipelines.silver_bar_files import build_bar_files
from jobs.pipelines.silver_payloads import SILVER_TABLES, Built, SilverTable, build_silver
from jobs.pipelines.silver_tick_files import build_files
from jobs.runs.progress import report_progress
from jobs.runs.run_context import RunContext, open_run_context

LOCK_SECONDS = 15 * 60


@task(name="build-silver", task_run_name="build-{name}", cache_policy=NO_CACHE)
def silver_task(name: str, ctx: RunContext, spark: SparkSession, recipe: SilverTable) -> Built:
    """One Silver table, brought up to all that has landed."""
    del name  # names the task run
    return build_silver(ctx, spark, recipe)


@task(name="build-files", cache_policy=NO_CACHE)
def files_task(ctx: RunContext, spark: SparkSession) -> list[Built]:
    """Silver bars, trades and quotes, brought up to the flat files that have landed."""
    return build_bar_files(ctx, spark) + build_files(ctx, spark)


@task(name="build-tick-gold", cache_policy=NO_CACHE)
def tick_gold_task(ctx: RunContext, spark: SparkSession) -> Built:
    """What is computed from ticks, for the days that changed."""
    return build_tick_gold(ctx, spark)


@task(name="build-gold", cache_policy=NO_CACHE)
def gold_task(ctx: RunContext, spark: SparkSession) -> Built:
    """Gold, recomputed where Silver changed."""
    return build_gold(ctx, spark)


@task(name="check-completeness", cache_policy=NO_CACHE)
def completeness_task(ctx: RunContext) -> Built:
    """What is expected against what has come; an error is recorded and ends no run."""
    return check_completeness(ctx)


def build_all(ctx: RunContext) -> list[Built]:
    """Silver, Gold, then what is late or missing; a table whose batch is refused does not stop the others."""
    with build_session(ctx) as (writer, spark):
        built = []
        steps = len(SILVER_TABLES) + 3
        for number, recipe in enumerate(SILVER_TABLES):
            report_progress("build", number, steps)
            built.append(silver_task(recipe.table.full_name, writer, spark, recipe))
        report_progress("build", steps - 3, steps)
        built += files_task(writer, spark)
        report_progress("build", steps - 2, steps)
        built.append(gold_task(writer, spark))
        report_progress("build", steps - 1, steps)
        built.append(tick_gold_task(writer, spark))
        built += expire_built_files(writer)
        report_progress("build", steps, steps)
    built.append(completeness_task(ctx))
    return built


@contextmanager
def build_session(
    ctx: RunContext, wait_seconds: float = LOCK_SECONDS, span_seconds: float = SECONDS
) -> Iterator[tuple[RunContext, SparkSession]]:
    """The workspace to write with and an engine for one run, while no other builds the lake anywhere.

    What is published with that workspace's lake asks first whether the right to write is still held: in a
    bucket it can be lost `span_seconds` after this process was heard of last. What the run staged is
    removed at its end; what killed runs left behind, at the next run's beginning.

    Raises:
        LakeError: another run has been building this lake for `wait_seconds`; in a bucket it is named. The
            store went away, or the right to write was lost.
    """
    with (
        _only_builder(ctx, wait_seconds, span_seconds) as lake,
        engine_session(ctx.settings, lake) as spark,
    ):
        lake.drop_staging()  # nobody else can be staging now
        try:
            yield replace(ctx, lake=lake), spark
        except Exception as error:
            _raise_if_store_is_away(lake, error)
            raise
        finally:
            with suppress(LakeError):  # the next run removes it; an error of this one is not hidden
                lake.drop_staging(ctx.run_id)


def _raise_if_store_is_away(lake: Lake, error: Exception) -> None:
    """Says that the store is away or the right to write was lost, in place of what an engine says of it."""
    try:
        lake.require_writer()
    except LakeError as reason:
        raise reason from error


@contextmanager
def _only_builder(ctx: RunContext, wait_seconds: float, span_seconds: float) -> Iterator[Lake]:
    """The lake, with the right to write it: a lock of the machine and, in a bucket, a lease."""
    lake, until = ctx.lake, time.monotonic() + wait_seconds
    with _only_builder_of_machine(ctx, wait_seconds):
        if not lake.is_s3:
            yield lake
            return
        left_seconds = max(0.0, until - time.monotonic())
        with lease(lake, "build", left_seconds, span_seconds) as held:
            yield replace(lake, require_writer=held.require)


@contextmanager
def _only_builder_of_machine(ctx: RunContext, wait_seconds: float) -> Iterator[None]:
    """A lock that the operating system gives back even after kill -9."""
    folder = ctx.settings.state_dir if ctx.lake.is_s3 else Path(ctx.lake.root)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "_build.lock")
    try:
        with lock.acquire(timeout=wait_seconds):
            yield
    except Timeout:
        raise LakeError(
            f"another run has been building {ctx.lake.root} for {wait_seconds / 60:.0f} minutes; "
            "what was fetched has landed: run `lakehouse build` when the other one has ended"
        ) from None


@flow(name="build", description="Bring Silver and Gold up to what has landed, through the gates.")
def build(config_file: str | None = None) -> RunSummary:
    """Builds what is pending.

    Raises:
        BuildBlocked: a gate refused a batch; the other tables were built.
    """
    ctx = open_run_context(config_file)
    began = time.monotonic()
    built = build_all(ctx)
    return conclude(ctx.run_id, [], built, time.monotonic() - began)


@flow(name="rebuild-gold", description="Compute all of Gold again, after a threshold or formula changed.")
def rebuild(config_file: str | None = None) -> RunSummary:
    """Computes all of Gold again from Silver.

    Raises:
        BuildBlocked: a gate refused a batch.
    """
    ctx = open_run_context(config_file)
    began = time.monotonic()
    with build_session(ctx) as (writer, spark):
        built = [rebuild_gold(writer, spark)]
    return conclude(ctx.run_id, [], built, time.monotonic() - began)
