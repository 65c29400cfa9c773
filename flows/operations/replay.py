"""Reprocesses Bronze after a parser or rule fix: Silver of a scope, then all of Gold."""

import time
from functools import partial

from pyspark.sql import SparkSession

from flows.ingestion.fetch_result import FetchResult
from flows.ingestion.replay_files import ReplayableDays, resolve_replayable_days
from flows.operations.run_summary import RunSummary, finish_run
from flows.operations.steps import StepRunner, run_directly
from jobs.pipelines.gold.sessions import rebuild_gold
from jobs.pipelines.gold.ticks import build_tick_gold
from jobs.pipelines.replay.files import TABLE_OF, replay_day
from jobs.pipelines.replay.payloads import replay_payloads
from jobs.pipelines.replay.scope import ReplayScope, file_universe, require_known, resolve_scope
from jobs.pipelines.writer_session import writer_session
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import SILVER
from jobs.runs.stage import StageResult, record


def replay(ctx: RunContext, scope: ReplayScope, run_step: StepRunner = run_directly) -> RunSummary:
    """Silver of the scope from Bronze alone, then all of Gold, and for ticks the days that changed.

    Only flat files whose bytes have expired are fetched, and only the same versions.

    Raises:
        BuildBlocked: a gate refused a batch, or a day's files can no longer be fetched; all else was done.
        PlanError: a table that is not built from Bronze; a symbol or provider of which Bronze holds nothing.
    """
    began = time.monotonic()
    scope = resolve_scope(scope)
    require_known(ctx.lake, scope)
    with writer_session(ctx) as (writer, spark):
        built = run_step("replay-payloads", partial(replay_payloads, writer, spark, scope))
        fetched, of_files = run_step("replay-files", partial(replay_files, writer, spark, scope))
        built += of_files
        built.append(run_step("rebuild-gold", partial(rebuild_gold, writer, spark)))
        built.append(run_step("build-tick-gold", partial(build_tick_gold, writer, spark)))
    return finish_run(ctx.run_id, fetched, built, time.monotonic() - began)


def replay_files(
    ctx: RunContext, spark: SparkSession, scope: ReplayScope
) -> tuple[list[FetchResult], list[StageResult]]:
    """Silver from the scope's flat files; and what was fetched again for that.

    A day whose bytes have expired, and which the provider no longer has, is blocked and stays as it is.

    Raises:
        LakeError: the landing zone cannot be read or written.
    """
    universe = file_universe(ctx, scope)
    if universe is not None and not universe:
        return [], []
    replayable = resolve_replayable_days(ctx, scope)
    built = [replay_day(ctx, spark, day, universe) for day in replayable.days]
    return list(replayable.fetched), [*built, *_unavailable(ctx, replayable)]


def _unavailable(ctx: RunContext, replayable: ReplayableDays) -> list[StageResult]:
    """One blocked result per dataset, which names the days."""
    results = []
    for dataset in dict.fromkeys(day.dataset for day in replayable.unavailable):
        days = ", ".join(str(day.file_dt) for day in replayable.unavailable if day.dataset == dataset)
        detail = (
            f"{dataset} of {days} cannot be replayed, and stays as it is: its bytes have left the landing "
            f"zone and could not be fetched again ({replayable.reason})"
        )
        result = StageResult(SILVER, TABLE_OF[dataset].full_name, "blocked", detail=detail)
        results.append(record(ctx, result))
    return results
