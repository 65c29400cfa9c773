"""Builds Silver and Gold from what has landed, each batch through its gate."""

import time
from collections.abc import Sequence
from functools import partial

from pyspark.sql import SparkSession

from flows.completeness.check import check_completeness
from flows.ingestion.file_retention import expire_built_files
from flows.operations.run_summary import RunSummary, finish_run
from flows.operations.steps import StepRunner, run_directly
from jobs.pipelines.gold.sessions import SUBJECT, build_gold, rebuild_gold
from jobs.pipelines.gold.ticks import build_tick_gold
from jobs.pipelines.pending import (
    PendingPayloads,
    advance_built_versions,
    has_pending_work,
    nothing_new,
    pending_payloads,
)
from jobs.pipelines.silver.bar_files import build_bar_files
from jobs.pipelines.silver.payloads import build_silver
from jobs.pipelines.silver.tables import SILVER_PIPELINES
from jobs.pipelines.silver.tick_files import build_tick_files
from jobs.pipelines.writer_session import sole_writer, writer_engine, writer_session
from jobs.runs.progress import report_progress
from jobs.runs.records import deferred_records, flush_records
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import GOLD, SILVER
from jobs.runs.stage import StageResult, record_early_starts

_STEPS = len(SILVER_PIPELINES) + 3


def build(ctx: RunContext, run_step: StepRunner = run_directly) -> RunSummary:
    """Builds what is pending.

    Raises:
        BuildBlocked: a gate refused a batch; the other tables were built.
        LakeError: another run is building the lake, or its store went away.
    """
    began = time.monotonic()
    built = build_all(ctx, run_step)
    return finish_run(ctx.run_id, [], built, time.monotonic() - began)


def rebuild_all_gold(ctx: RunContext, run_step: StepRunner = run_directly) -> RunSummary:
    """Computes all of Gold again from Silver, after a threshold or a formula has changed.

    Raises:
        BuildBlocked: a gate refused a batch.
    """
    began = time.monotonic()
    with writer_session(ctx) as (writer, spark):
        built = [run_step("rebuild-gold", partial(rebuild_gold, writer, spark))]
    return finish_run(ctx.run_id, [], built, time.monotonic() - began)


def build_all(ctx: RunContext, run_step: StepRunner = run_directly) -> list[StageResult]:
    """Silver, then Gold, then what is late or missing.

    A table whose batch is refused does not stop the others. No engine is started if nothing is pending.
    """
    with deferred_records(ctx):
        return _build_all(ctx, run_step)


def _build_all(ctx: RunContext, run_step: StepRunner) -> list[StageResult]:
    with sole_writer(ctx) as writer:
        payloads = pending_payloads(writer.lake)
        if has_pending_work(writer, payloads):
            _record_starts(writer, payloads)
            with writer_engine(writer) as spark:
                built = _build_pending(writer, spark, run_step)
        else:
            advance_built_versions(writer, payloads)
            built = nothing_new()
        built += expire_built_files(writer)
        report_progress("build", _STEPS, _STEPS)
    built.append(run_step("check-completeness", partial(check_completeness, ctx)))
    return built


def _record_starts(writer: RunContext, payloads: Sequence[PendingPayloads]) -> None:
    """Records the starts of the tables that payloads wait for, and of Gold, in one commit."""
    tables = [(SILVER, each.pipeline.table.full_name) for each in payloads if each]
    if tables:
        record_early_starts(writer, [*tables, (GOLD, SUBJECT)])


def _build_pending(writer: RunContext, spark: SparkSession, run_step: StepRunner) -> list[StageResult]:
    built: list[StageResult] = []
    for number, pipeline in enumerate(SILVER_PIPELINES):
        report_progress("build", number, _STEPS)
        step = partial(build_silver, writer, spark, pipeline)
        built.append(run_step(f"build-{pipeline.table.full_name}", step))
    report_progress("build", _STEPS - 3, _STEPS)
    built += run_step("build-files", partial(_build_files, writer, spark))
    report_progress("build", _STEPS - 2, _STEPS)
    built.append(run_step("build-gold", partial(build_gold, writer, spark)))
    report_progress("build", _STEPS - 1, _STEPS)
    flush_records(writer)  # Gold of ticks is built from what is recorded as done
    built.append(run_step("build-tick-gold", partial(build_tick_gold, writer, spark)))
    return built


def _build_files(writer: RunContext, spark: SparkSession) -> list[StageResult]:
    return build_bar_files(writer, spark) + build_tick_files(writer, spark)
