"""Retention: flat files leave the landing zone when they are old and Silver has been built from them."""

from collections.abc import Sequence

from flows.landing.flat_files import Expiry, LandedFile, expire_files
from jobs.pipelines.replay.files import TABLE_OF
from jobs.pipelines.silver.pending_files import pending_files, universe_of
from jobs.runs.run_context import RunContext
from jobs.runs.stage import OpenStage, StageResult, record

STAGE, SUBJECT = "retention", "bronze.raw_files"


def expire_built_files(ctx: RunContext) -> list[StageResult]:
    """Removes the bytes of files landed more than `retention_days` ago that Silver has been built from.

    Their rows in bronze.raw_files stay; the run log says which bytes left, and which were kept as unbuilt.
    Empty if no file is old enough. To be called while nobody else builds: a replay would miss the bytes.

    Raises:
        LakeError: the tables cannot be read, or a file cannot be removed.
    """
    universe = universe_of(ctx)
    pending = {
        (dataset, file.file_id, file.fetched_at)
        for dataset, table in TABLE_OF.items()
        for file in pending_files(ctx.lake, dataset, table, universe)
    }

    def is_built(file: LandedFile) -> bool:
        return file.dataset in TABLE_OF and (file.dataset, file.file_id, file.fetched_at) not in pending

    stage, days = OpenStage(), ctx.settings.providers.massive.retention_days
    expiry = expire_files(ctx.lake, ctx.clock(), days, is_built)
    if expiry == Expiry():
        return []
    stage.rows_in, stage.rows_out = len(expiry.removed) + len(expiry.kept), len(expiry.removed)
    stage.detail = _described(days, expiry)
    return [record(ctx, stage.ended(STAGE, SUBJECT))]


def _described(days: int, expiry: Expiry) -> str:
    parts = [f"older than {days} days: removed {_named(expiry.removed) or 'none'}"]
    if expiry.kept:
        parts.append(f"kept, because Silver has not been built from them: {_named(expiry.kept)}")
    return "; ".join(parts)


def _named(files: Sequence[LandedFile]) -> str:
    """The files by dataset, with their number, dates and size."""
    texts = []
    for dataset in sorted({file.dataset for file in files}):
        some = [file for file in files if file.dataset == dataset]
        days = sorted(file.file_dt for file in some)
        size_mb = sum(file.size_bytes for file in some) / 1e6
        texts.append(f"{len(some)} of {dataset} ({days[0]} to {days[-1]}, {size_mb:,.1f} MB)")
    return ", ".join(texts)
