"""Fetches and lands flat files, many at once; one bad day stops nobody."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import LakeError
from delta_tables.tables.bronze import DEAD_LETTERS
from flows.handlers.errors import ErrorClass, ProviderError
from flows.handlers.massive.download import download
from flows.handlers.massive.files import ReceivedFile, RemoteFile, file_key
from flows.handlers.massive.handler import ALL_TICKERS, Massive
from flows.handlers.models import Query
from flows.ingestion.failed_attempts import FailedAttempts
from flows.ingestion.fetch_payloads import Failure, Fetched, leave_out
from flows.ingestion.last_fetched import FINAL_REFUSALS
from flows.ingestion.source import Ask
from flows.ingestion.sources.massive import PROVIDER, connect, files_wanted, is_due
from flows.landing.flat_files import LandedFile, has_bytes, is_landed, land_files, latest_versions
from flows.landing.payloads import bury
from jobs.runs.progress import report_progress
from jobs.runs.run_context import RunContext
from jobs.runs.run_log import INGEST, StageResult, record

Wanted = tuple[str, date]
# A file that was received; None for one that is landed already; an error.
Answer = ReceivedFile | None | ProviderError
Known = Callable[[RunContext, RemoteFile, LandedFile | None], bool]


@dataclass
class _Tally:
    """How the files of one dataset ended so far."""

    asked: int = 0
    landed: int = 0
    unchanged: int = 0
    not_out_yet: int = 0
    is_refused: bool = False
    failures: list[Failure] = field(default_factory=list)

    @property
    def detail(self) -> str:
        """What the counts of a stage do not say."""
        return f"{self.unchanged} unchanged, {self.not_out_yet} not out yet"


def fetch_files(ctx: RunContext, asks: Sequence[Ask]) -> list[Fetched]:
    """Lands the versions that are new of every file asked for; one result a dataset.

    A HEAD decides: an unchanged ETag and size costs no download, so a range that was interrupted goes on
    where it stopped, within a file too. A file that is not there before it is due (11:00 New York on the
    next day) is not out yet, and no failure. Every other failure goes to bronze.dead_letters. After a
    refusal that concerns every file (wrong keys) the rest is not asked.

    Raises:
        ConfigError: a secret is missing.
        PlanError: an unknown dataset or an empty range.
        LakeError: what was received could not be stored.
    """
    now = ctx.clock()
    wanted: dict[str, dict[Wanted, None]] = {}
    for ask in asks:
        refused = _refused_since(ctx, ask)
        files = [file for file in files_wanted(ask, ctx.settings, now) if file_key(*file) not in refused]
        wanted.setdefault(ask.dataset, {}).update(dict.fromkeys(files))
    return _fetch_datasets(ctx, wanted, _is_landed)


def _refused_since(ctx: RunContext, ask: Ask) -> set[str]:
    """The keys of the files refused for good since the ask's `not_before`: they have their pause."""
    if ask.not_before is None:
        return set()
    since = ask.not_before.astimezone(UTC).isoformat()
    where = (
        f"provider = '{PROVIDER}' AND dataset = '{ask.dataset}' AND fetched_at >= timestamp '{since}' "
        f"AND {FINAL_REFUSALS}"
    )
    requests = read_rows(ctx.lake, DEAD_LETTERS, ["request"], where)["request"].to_pylist()
    return {str(request).lstrip("/").partition("/")[2] for request in requests}


def restore_files(ctx: RunContext, files: Sequence[LandedFile]) -> list[Fetched]:
    """Brings back the bytes that retention removed from the landing area, as far as the provider has them.

    A file whose bytes lie there is not asked for. The provider may have replaced one meanwhile: that lands
    as a new version.

    Raises:
        ConfigError, LakeError: as `fetch_files` does.
    """
    wanted: dict[str, dict[Wanted, None]] = {}
    for file in files:
        wanted.setdefault(file.dataset, {})[file.dataset, file.file_dt] = None
    return _fetch_datasets(ctx, wanted, _is_landed_with_bytes)


def _is_landed(ctx: RunContext, remote: RemoteFile, latest: LandedFile | None) -> bool:
    return is_landed(remote, latest, ctx.settings.state_dir)


def _is_landed_with_bytes(ctx: RunContext, remote: RemoteFile, latest: LandedFile | None) -> bool:
    return _is_landed(ctx, remote, latest) and latest is not None and has_bytes(ctx.lake, latest)


def _fetch_datasets(
    ctx: RunContext, wanted: Mapping[str, Mapping[Wanted, None]], is_known: Known
) -> list[Fetched]:
    fetched: list[Fetched] = []
    named = {dataset: list(files) for dataset, files in wanted.items() if files}
    if not named:
        return fetched
    attempts = FailedAttempts()
    with connect(ctx, attempts.tell) as handler:
        fetcher = _Fetcher(ctx, handler, is_known, latest_versions(ctx.lake), attempts)
        for dataset, files in named.items():
            is_refused = any(each.is_refused for each in fetched)
            fetched.append(
                leave_out(ctx, PROVIDER, _queries(files)) if is_refused else fetcher.fetch_all(dataset, files)
            )
    return fetched


@dataclass(frozen=True)
class _Fetcher:
    """What the downloads of a run share; `stop` ends them all."""

    ctx: RunContext
    handler: Massive
    is_known: Known
    latest: Mapping[Wanted, LandedFile]
    attempts: FailedAttempts
    stop: Event = field(default_factory=Event)

    @property
    def folder(self) -> Path:
        """Where files grow until they are whole."""
        return self.ctx.settings.state_dir / PROVIDER / "downloads"

    def fetch_all(self, dataset: str, files: Sequence[Wanted]) -> Fetched:
        """One dataset's files; each is landed when it has come, whatever happens to the next."""
        began, tally = time.monotonic(), _Tally()
        with closing(self._answers(files)) as rounds:
            for answers in rounds:
                self._take(tally, answers)
                report_progress(dataset, tally.asked, len(files))
        status = "done_with_failures" if tally.failures else "done"
        seconds, bad = time.monotonic() - began, len(tally.failures)
        result = StageResult(
            INGEST,
            f"{PROVIDER}/{dataset}",
            status,
            seconds,
            len(files),
            tally.landed,
            bad,
            detail=tally.detail,
        )
        stored = record(self.ctx.lake, self.ctx.run_id, result)
        return Fetched(stored, tuple(tally.failures), len(files) - tally.asked, tally.is_refused)

    def _take(self, tally: _Tally, answers: Sequence[tuple[Wanted, Answer]]) -> None:
        """Lands what came, buries what failed, and counts."""
        ctx, now = self.ctx, self.ctx.clock()
        received = [answer for _, answer in answers if isinstance(answer, ReceivedFile)]
        errors = [(file, answer) for file, answer in answers if isinstance(answer, ProviderError)]
        failed = [(file, error) for file, error in errors if not _is_not_out_yet(file, error, now)]
        tally.landed += len(land_files(ctx.lake, ctx.settings.state_dir, received, ctx.run_id))
        ended = [(_query(file), error) for file, error in failed]
        bury(ctx.lake, PROVIDER, ended, ctx.run_id, now, self.attempts.take())
        tally.asked += len(answers)
        tally.unchanged += sum(answer is None for _, answer in answers)
        tally.not_out_yet += len(errors) - len(failed)
        tally.failures += [_failure(file, error) for file, error in failed]
        tally.is_refused |= any(error.stops_provider for _, error in failed)

    def _answers(self, files: Sequence[Wanted]) -> Generator[list[tuple[Wanted, Answer]], None, None]:
        """The answers as they come. Whatever ends the loop ends the downloads under way, their parts kept."""
        queue = iter(files)
        threads = self.ctx.settings.providers.massive.threads
        with ThreadPoolExecutor(threads, thread_name_prefix="download") as pool:
            running: dict[Future[Answer], Wanted] = {}
            is_refused = False
            try:
                while True:
                    while not is_refused and len(running) < threads and (file := next(queue, None)):
                        running[pool.submit(self._fetch, file)] = file
                    if not running:
                        return
                    done = wait(running, return_when=FIRST_COMPLETED).done
                    answers = [(running.pop(future), future.result()) for future in done]
                    is_refused |= any(_stops(answer) for _, answer in answers)
                    yield answers
            except BaseException:
                self.stop.set()
                raise

    def _fetch(self, file: Wanted) -> Answer:
        """One file, in a thread of its own: a provider's errors are values, so that they stop nobody."""
        try:
            remote = self.handler.head(*file)
            if self.is_known(self.ctx, remote, self.latest.get(file)):
                return None
            return download(self.handler, remote, self.folder, self.stop.is_set)
        except ProviderError as error:
            return error
        except OSError as error:
            raise LakeError(
                f"{self.folder}: {file[0]} of {file[1]} could not be written ({error.strerror}); free space, "
                "or set another `state_dir`, then run again: the download goes on where it stopped"
            ) from None


def _stops(answer: Answer) -> bool:
    return isinstance(answer, ProviderError) and answer.stops_provider


def _is_not_out_yet(file: Wanted, error: ProviderError, now: datetime) -> bool:
    return error.error_class is ErrorClass.no_data and not is_due(file[1], now)


def _query(file: Wanted) -> Query:
    return Query(file[0], ALL_TICKERS, start=file[1], end=file[1])


def _queries(files: Sequence[Wanted]) -> list[Query]:
    return [_query(file) for file in files]


def _failure(file: Wanted, error: ProviderError) -> Failure:
    return Failure(file[0], ALL_TICKERS, str(error.error_class), str(error)[:300])
