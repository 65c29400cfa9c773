"""Which days of flat files can be reprocessed; bytes that have expired are fetched again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date

from config.load import ConfigError
from delta_tables.storage.lake import Lake
from delta_tables.storage.landing_zone import present_files
from flows.handlers.errors import ProviderError
from flows.ingestion.fetch_files import restore_files
from flows.ingestion.fetch_result import FetchResult
from flows.landing.flat_files import LandedFile, landed_files
from jobs.parsing.flat_files import flat_file_of_row
from jobs.pipelines.replay.files import TABLE_OF, FileDay
from jobs.pipelines.replay.scope import ReplayScope
from jobs.runs.run_context import RunContext


@dataclass(frozen=True)
class ReplayableDays:
    """The days that can be reprocessed, those that cannot and why, and what was fetched for that."""

    days: tuple[FileDay, ...] = ()
    unavailable: tuple[FileDay, ...] = ()
    reason: str = ""
    fetched: tuple[FetchResult, ...] = ()


def resolve_replayable_days(ctx: RunContext, scope: ReplayScope) -> ReplayableDays:
    """The days of the scope with their bytes; those that have expired are fetched again.

    The bytes must be those that were landed, by SHA-256: a day is unavailable if the provider has only other
    ones, or none.

    Raises:
        LakeError: the landing zone cannot be read or written.
    """
    days = file_days(ctx.lake, scope)
    missing = _missing(ctx.lake, days)
    if not missing:
        return ReplayableDays(tuple(days))
    fetched, reason = _fetch_again(ctx, missing)
    days = file_days(ctx.lake, scope)  # the provider may have had a version that is new
    unavailable = {(file.dataset, file.file_dt) for file in _missing(ctx.lake, days)}
    return ReplayableDays(
        tuple(day for day in days if (day.dataset, day.file_dt) not in unavailable),
        tuple(day for day in days if (day.dataset, day.file_dt) in unavailable),
        reason,
        fetched,
    )


def file_days(lake: Lake, scope: ReplayScope) -> list[FileDay]:
    """The days of the scope, the oldest first, each with all its versions.

    Raises:
        LakeError: bronze.raw_files cannot be read.
    """
    versions: dict[tuple[str, date], list[LandedFile]] = {}
    for file in landed_files(lake):
        is_of_provider = not scope.providers or file.provider in scope.providers
        if is_of_provider and file.dataset in TABLE_OF and scope.has(TABLE_OF[file.dataset]):
            versions.setdefault((file.dataset, file.file_dt), []).append(file)
    first, last = scope.bounds
    return [
        FileDay(*day, tuple(flat_file_of_row(vars(file)) for file in files))
        for day, files in sorted(versions.items())
        if any(first <= file.fetched_at.astimezone(UTC).date() <= last for file in files)
    ]


def _missing(lake: Lake, days: Sequence[FileDay]) -> list[LandedFile]:
    paths = {file.path for day in days for file in day.versions}
    expired = paths - present_files(lake, sorted(paths))
    return [file for file in landed_files(lake) if file.path in expired]


def _fetch_again(ctx: RunContext, missing: Sequence[LandedFile]) -> tuple[tuple[FetchResult, ...], str]:
    """What was fetched, and why not everything was, as far as that is known."""
    try:
        fetched = restore_files(ctx, missing)
    except (ConfigError, ProviderError) as error:
        return (), str(error)
    failures = dict.fromkeys(failure.message for result in fetched for failure in result.failures)
    return tuple(fetched), "; ".join(failures) or "the provider has other bytes now"
