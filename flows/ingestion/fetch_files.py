"""Fetches and lands flat files; a failing day does not stop the others."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from delta_tables.storage.commits import commit
from delta_tables.storage.lake import LakeError
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.models import Query, ReceivedFile, RemoteFile
from flows.ingestion.concurrent_fetch import ConcurrentFetch
from flows.ingestion.failed_attempts import FailedAttempts
from flows.ingestion.fetch_result import FailedRequest, FetchResult, record_skipped
from flows.ingestion.landed_requests import refused_file_keys
from flows.ingestion.registry import FILE_SOURCES
from flows.ingestion.source import FetchRequest, FileHandler, FileSource
from flows.landing.flat_files import LandedFile, has_bytes, is_landed, land_files, latest_versions
from flows.landing.payloads import append_dead_letters
from jobs.runs.progress import report_progress
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import INGEST
from jobs.runs.stage import StageResult, record

ALL_SYMBOLS = "ALL"
DatasetDay = tuple[str, date]
# A file that was received; None for one that has landed already; an error.
FileResponse = ReceivedFile | None | ProviderError
IsKnown = Callable[[RunContext, RemoteFile, LandedFile | None], bool]
_MAX_MESSAGE_CHARS = 300


def fetch_files(ctx: RunContext, requests: Sequence[FetchRequest]) -> list[FetchResult]:
    """Lands the new versions of all requested files; one result per dataset.

    A HEAD request decides: an unchanged ETag and size cost no download, so an interrupted range continues
    where it stopped, even within a file. A file that is absent before its publication is no failure. Every
    other failure becomes a dead letter. After a refusal that concerns every file (wrong keys) the rest is not
    requested.

    Raises:
        ConfigError: a secret is missing.
        PlanError: an unknown dataset or an empty range.
        LakeError: what was received could not be stored.
    """
    now = ctx.clock()
    files_of: dict[str, dict[DatasetDay, None]] = {}
    for request in requests:
        source = FILE_SOURCES[request.provider]
        refused = refused_file_keys(ctx.lake, request)
        for day in source.days(request, ctx.settings, now):
            if source.file_key(request.dataset, day) not in refused:
                files_of.setdefault(request.provider, {})[request.dataset, day] = None
    return _fetch_all(ctx, files_of, _is_landed)


def restore_files(ctx: RunContext, files: Sequence[LandedFile]) -> list[FetchResult]:
    """Fetches the bytes that retention removed from the landing zone, as far as the provider has them.

    A file whose bytes are still there is not requested. If the provider has replaced one, that lands as a new
    version.

    Raises:
        ConfigError, LakeError: as in `fetch_files`.
    """
    files_of: dict[str, dict[DatasetDay, None]] = {}
    for file in files:
        files_of.setdefault(file.provider, {})[file.dataset, file.file_dt] = None
    return _fetch_all(ctx, files_of, _is_landed_with_bytes)


def _is_landed(ctx: RunContext, remote: RemoteFile, latest: LandedFile | None) -> bool:
    return is_landed(remote, latest, ctx.settings.state_dir)


def _is_landed_with_bytes(ctx: RunContext, remote: RemoteFile, latest: LandedFile | None) -> bool:
    return _is_landed(ctx, remote, latest) and latest is not None and has_bytes(ctx.lake, latest)


def _fetch_all(
    ctx: RunContext, files_of: Mapping[str, Iterable[DatasetDay]], is_known: IsKnown
) -> list[FetchResult]:
    """Fetches these files by provider, one dataset after the other."""
    results: list[FetchResult] = []
    for provider, files in files_of.items():
        results += _fetch_provider(ctx, FILE_SOURCES[provider], list(files), is_known)
    return results


def _fetch_provider(
    ctx: RunContext, source: FileSource, files: Sequence[DatasetDay], is_known: IsKnown
) -> list[FetchResult]:
    results: list[FetchResult] = []
    attempts = FailedAttempts()
    with closing(source.connect(ctx, attempts.record)) as handler:
        fetcher = _FileFetcher(ctx, source, handler, is_known, latest_versions(ctx.lake), attempts)
        for dataset in dict.fromkeys(dataset for dataset, _ in files):
            chosen = [file for file in files if file[0] == dataset]
            if any(result.is_refused for result in results):
                results.append(record_skipped(ctx, source.name, [_query(file) for file in chosen]))
            else:
                results.append(fetcher.fetch_dataset(dataset, chosen))
    return results


@dataclass
class _FileCounts:
    """How the files of one dataset ended so far."""

    requested: int = 0
    landed: int = 0
    unchanged: int = 0
    not_published: int = 0
    is_refused: bool = False
    failures: list[FailedRequest] = field(default_factory=list)

    @property
    def detail(self) -> str:
        """What the row counts of a stage do not show."""
        return f"{self.unchanged} unchanged, {self.not_published} not out yet"


@dataclass(frozen=True)
class _FileFetcher:
    """What the downloads of a run share."""

    ctx: RunContext
    source: FileSource
    handler: FileHandler
    is_known: IsKnown
    latest: Mapping[DatasetDay, LandedFile]
    attempts: FailedAttempts

    @property
    def folder(self) -> Path:
        """Where files grow until they are whole."""
        return self.ctx.settings.state_dir / self.source.name / "downloads"

    def fetch_dataset(self, dataset: str, files: Sequence[DatasetDay]) -> FetchResult:
        """Fetches one dataset's files; each lands as soon as it is received, whatever happens to the next."""
        began, counts = time.monotonic(), _FileCounts()
        fetching = ConcurrentFetch(
            self._fetch, _stops_all, self.source.threads(self.ctx.settings), self.handler.stop
        )
        try:
            with fetching:
                for responses in fetching.responses(files):
                    self._land(counts, responses)
                    report_progress(dataset, counts.requested, len(files))
        finally:
            self._land(counts, fetching.received())
        result = StageResult(
            INGEST,
            f"{self.source.name}/{dataset}",
            "done_with_failures" if counts.failures else "done",
            time.monotonic() - began,
            len(files),
            counts.landed,
            len(counts.failures),
            detail=counts.detail,
        )
        not_requested = len(files) - counts.requested
        failures = tuple(counts.failures)
        return FetchResult(record(self.ctx, result), failures, not_requested, counts.is_refused)

    def _land(self, counts: _FileCounts, responses: Sequence[tuple[DatasetDay, FileResponse]]) -> None:
        """Lands the files that were received, makes dead letters of the failures, and counts."""
        ctx, now = self.ctx, self.ctx.clock()
        received = [response for _, response in responses if isinstance(response, ReceivedFile)]
        errors = [(file, response) for file, response in responses if isinstance(response, ProviderError)]
        failed = [(file, error) for file, error in errors if not self._is_not_published(file, error, now)]
        failures = [(_query(file), error) for file, error in failed]
        with commit():  # an interrupt waits for both
            counts.landed += len(land_files(ctx.lake, ctx.settings.state_dir, received, ctx.run_id))
            append_dead_letters(ctx.lake, self.source.name, failures, ctx.run_id, now, self.attempts.drain())
        counts.requested += len(responses)
        counts.unchanged += sum(response is None for _, response in responses)
        counts.not_published += len(errors) - len(failed)
        counts.failures += [_failed_request(file, error) for file, error in failed]
        counts.is_refused |= any(error.stops_provider for _, error in failed)

    def _is_not_published(self, file: DatasetDay, error: ProviderError, now: datetime) -> bool:
        return error.error_class is ErrorClass.no_data and not self.source.is_due(file[1], now)

    def _fetch(self, file: DatasetDay) -> FileResponse:
        """One file, in a thread; a provider's error is a value, so that it does not stop the other files."""
        try:
            remote = self.handler.head(*file)
            if self.is_known(self.ctx, remote, self.latest.get(file)):
                return None
            return self.handler.download(remote, self.folder)
        except ProviderError as error:
            return error
        except OSError as error:
            raise LakeError(
                f"{self.folder}: {file[0]} of {file[1]} could not be written ({error.strerror}); free space, "
                "or set another `state_dir`, then run again: the download goes on where it stopped"
            ) from None


def _stops_all(response: FileResponse) -> bool:
    return isinstance(response, ProviderError) and response.stops_provider


def _query(file: DatasetDay) -> Query:
    return Query(file[0], ALL_SYMBOLS, start=file[1], end=file[1])


def _failed_request(file: DatasetDay, error: ProviderError) -> FailedRequest:
    return FailedRequest(file[0], ALL_SYMBOLS, str(error.error_class), str(error)[:_MAX_MESSAGE_CHARS])
