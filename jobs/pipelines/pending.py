"""Whether a build has anything to do, read from Bronze and the run log without an engine."""

from delta_tables.storage.lake import Lake
from jobs.history.pending_payloads import pending_window
from jobs.parsing.registry import has_parser
from jobs.pipelines.gold import sessions as gold_sessions
from jobs.pipelines.gold import ticks as gold_ticks
from jobs.pipelines.replay.files import TABLE_OF
from jobs.pipelines.silver.pending_files import pending_files, universe_of
from jobs.pipelines.silver.tables import SILVER_PIPELINES
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import GOLD, SILVER, built_version, gold_was_replaced, pending_runs
from jobs.runs.stage import StageResult


def has_pending_work(ctx: RunContext) -> bool:
    """Whether payloads, files or changed Silver rows wait to be built.

    Raises:
        LakeError: a table cannot be read.
    """
    return (
        _has_payloads(ctx.lake)
        or _has_files(ctx)
        or bool(pending_runs(ctx.lake))
        or gold_was_replaced(ctx.lake, gold_sessions.GOLD_TABLES)
        or bool(gold_ticks.unconsumed_changes(ctx.lake))
    )


def nothing_new() -> list[StageResult]:
    """The results of a build with nothing to do, one per table or group of tables."""
    silver = [StageResult(SILVER, pipeline.table.full_name, "nothing_new") for pipeline in SILVER_PIPELINES]
    return [
        *silver,
        StageResult(GOLD, gold_sessions.SUBJECT, "nothing_new"),
        StageResult(gold_ticks.STAGE, gold_ticks.SUBJECT, "nothing_new"),
    ]


def _has_payloads(lake: Lake) -> bool:
    versions = [built_version(lake, pipeline.table) for pipeline in SILVER_PIPELINES]
    windows = {version: pending_window(lake, version) for version in set(versions)}
    return any(
        has_parser(pipeline.parsers, windows[version].provider_datasets)
        for pipeline, version in zip(SILVER_PIPELINES, versions, strict=True)
    )


def _has_files(ctx: RunContext) -> bool:
    universe = universe_of(ctx)
    return any(pending_files(ctx.lake, dataset, table, universe) for dataset, table in TABLE_OF.items())
