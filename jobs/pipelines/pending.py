"""Whether a build has anything to do, read from Bronze and the run log without an engine."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial

from delta_tables.storage.lake import Lake
from delta_tables.tables.bronze import RAW_PAYLOADS
from jobs.history.pending_payloads import BronzeWindow, pending_window
from jobs.parsing.registry import has_parser
from jobs.pipelines.gold import sessions as gold_sessions
from jobs.pipelines.gold import ticks as gold_ticks
from jobs.pipelines.replay.files import TABLE_OF
from jobs.pipelines.silver.pending_files import pending_files, universe_of
from jobs.pipelines.silver.tables import SILVER_PIPELINES, SilverPipeline
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import GOLD, SILVER, built_versions, gold_was_replaced, pending_runs, table_ids
from jobs.runs.stage import StageResult, record_all

_MAX_VERSIONS_BEHIND = 8


@dataclass(frozen=True)
class PendingPayloads:
    """The payloads that wait to be built into one Silver table, which is built up to a version of Bronze."""

    pipeline: SilverPipeline
    built_version: int | None
    window: BronzeWindow

    def __bool__(self) -> bool:
        return has_parser(self.pipeline.parsers, self.window.provider_datasets)


def pending_payloads(lake: Lake) -> list[PendingPayloads]:
    """What waits to be built into each Silver table.

    Raises:
        LakeError: a table cannot be read.
    """
    window_of = cache(partial(pending_window, lake))
    versions = built_versions(lake, [pipeline.table for pipeline in SILVER_PIPELINES])
    return [
        PendingPayloads(pipeline, built, window_of(built, of_bars=pipeline.has_bars))
        for pipeline, built in zip(SILVER_PIPELINES, versions.values(), strict=True)
    ]


def has_pending_work(ctx: RunContext, payloads: Iterable[PendingPayloads]) -> bool:
    """Whether payloads, files or changed Silver rows wait to be built.

    Raises:
        LakeError: a table cannot be read.
    """
    return (
        any(payloads)
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


def advance_built_versions(ctx: RunContext, payloads: Iterable[PendingPayloads]) -> None:
    """Records that tables are built up to now which no payload concerned for many versions of Bronze.

    Otherwise each build would read more of Bronze's change feed to find out that it has nothing to do.
    """
    raw_id = table_ids(ctx.lake, RAW_PAYLOADS)
    current = [
        StageResult(
            SILVER,
            pending.pipeline.table.full_name,
            "done",
            bronze_version=pending.window.version,
            table_ids=f"{raw_id} {table_ids(ctx.lake, pending.pipeline.table)}",
        )
        for pending in payloads
        if not pending and pending.window.version - (pending.built_version or 0) >= _MAX_VERSIONS_BEHIND
    ]
    record_all(ctx, current)


def _has_files(ctx: RunContext) -> bool:
    universe = universe_of(ctx)
    return any(pending_files(ctx.lake, dataset, table, universe) for dataset, table in TABLE_OF.items())
