"""What a run needs to know of a provider: a source of payloads, or a source of flat files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from config.secrets import Secrets
from config.settings import PublicationSettings, Settings
from delta_tables.intervals import DAILY
from flows.handlers.models import ProviderManifest, Query, RawPayload, ReceivedFile, RemoteFile
from flows.handlers.stop_signal import StopSignal
from flows.handlers.transport.retry import OnRetry, ignore_attempt
from flows.ingestion.asset_types import ALL_ASSET_TYPES, AssetType
from jobs.runs.errors import PlanError
from jobs.runs.run_context import RunContext


@dataclass(frozen=True)
class FetchRequest:
    """One dataset of a provider to fetch, for some symbols (None: the watch list): a range, or the latest.

    Parts of a range that landed payloads cover already are not requested again. With `not_before` only
    payloads fetched since then count: earlier ones did not hold the missing sessions.
    """

    provider: str
    dataset: str
    symbols: tuple[str, ...] | None = None
    start: date | None = None
    end: date | None = None
    not_before: datetime | None = None


@dataclass(frozen=True)
class LandedResponse:
    """A response that Bronze holds: the fields that decide whether it covers a query."""

    symbol: str
    interval: str | None
    request: str
    fetched_at: datetime


class PayloadHandler(Protocol):
    """A client that returns payloads."""

    @property
    def stop(self) -> StopSignal:
        """The signal that ends every pause, from any thread."""

    def fetch(self, query: Query) -> Iterator[RawPayload]:
        """The responses to one query; ProviderError if the provider refuses or fails."""

    def close(self) -> None:
        """Releases connections and files."""


class FileHandler(Protocol):
    """A client of a store of flat files."""

    def head(self, dataset: str, day: date) -> RemoteFile:
        """The version of the day's file that the store has now; ProviderError if there is none."""

    @property
    def stop(self) -> StopSignal:
        """The signal that ends every pause and transfer, from any thread."""

    def download(self, remote: RemoteFile, folder: Path) -> ReceivedFile:
        """The whole file in `folder`.

        Raises ProviderError if it cannot be fetched, FetchStoppedError if the fetch is stopped.
        """

    def close(self) -> None:
        """Releases connections."""


class PayloadConnector(Protocol):
    """Makes a provider's payload handler."""

    def __call__(self, ctx: RunContext, on_retry: OnRetry = ignore_attempt) -> PayloadHandler:
        """The handler, which passes each failed attempt that is retried to `on_retry`.

        Raises ConfigError for a missing secret, ProviderError if the call store cannot be used.
        """


class FileConnector(Protocol):
    """Makes a provider's file handler."""

    def __call__(self, ctx: RunContext, on_retry: OnRetry = ignore_attempt) -> FileHandler:
        """The handler, which passes each failed attempt that is retried to `on_retry`.

        Raises ConfigError for a missing or malformed secret.
        """


def no_credentials_needed(settings: Settings, secrets: Secrets) -> str | None:
    """None: the provider needs no credentials."""
    del settings, secrets
    return None


def all_asset_types(dataset: str) -> tuple[AssetType, ...]:
    """Every asset type: the provider has all of them in each dataset."""
    del dataset
    return ALL_ASSET_TYPES


def interval_of_query(query: Query, settings: Settings) -> tuple[str, ...]:
    """The query's own interval; daily bars if it names none."""
    del settings
    return (query.interval or DAILY,)


def symbol_of_query(query: Query) -> str:
    """The query's own symbol."""
    return query.symbol


@dataclass(frozen=True, kw_only=True)
class Source:
    """What both kinds of source have.

    Attributes:
        manifest: Datasets, secrets, calendars and rate limits.
        latest_datasets: The datasets of an ordinary run under these settings.
        history: The datasets of which a range of dates can be requested.
        threads: How many requests are made at once.
        publications: When each dataset that has sessions is published.
        missing_credentials: Which secret is not set, and what to do; None if nothing is missing.
    """

    manifest: ProviderManifest
    latest_datasets: Callable[[Settings], tuple[str, ...]]
    history: tuple[str, ...]
    threads: Callable[[Settings], int]
    publications: Mapping[str, PublicationSettings] = field(default_factory=dict)
    missing_credentials: Callable[[Settings, Secrets], str | None] = no_credentials_needed

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.manifest.name

    def latest_requests(self, datasets: Sequence[str]) -> tuple[FetchRequest, ...]:
        """Requests for the latest of these datasets, as far as the provider has them."""
        return tuple(FetchRequest(self.name, name) for name in datasets if name in self.manifest.datasets)

    def range_requests(self, start: date, end: date, datasets: Sequence[str]) -> tuple[FetchRequest, ...]:
        """Requests for `start` to `end`, both included, of these datasets, as far as they have a history."""
        return tuple(
            FetchRequest(self.name, name, None, start, end) for name in datasets if name in self.history
        )

    def require_valid(self, request: FetchRequest) -> None:
        """Checks the request's dataset and range.

        Raises:
            PlanError: an unknown dataset, an empty range, or a range of a dataset without a history.
        """
        known = self.manifest.datasets
        if request.dataset not in known:
            raise PlanError(f"{self.name} has no dataset {request.dataset!r}; there is {', '.join(known)}")
        if request.start and request.end and request.start > request.end:
            raise PlanError(f"the range is empty: it begins on {request.start} and ends on {request.end}")
        if request.start and request.dataset not in self.history:
            raise PlanError(f"no history of {request.dataset!r}; there is {', '.join(self.history)}")


@dataclass(frozen=True, kw_only=True)
class PayloadSource(Source):
    """A provider whose responses are payloads in bronze.raw_payloads.

    Attributes:
        connect: Makes the handler.
        queries_of: The handler's queries for a valid request, the most important first; PlanError for what
            the provider or the plan does not have.
        is_covered: Whether one of the landed responses (of the query's dataset) already answers a query of a
            range.
        asset_types: The types of symbols of a dataset; none if one response holds all symbols.
        bar_intervals: The intervals of the bars that a query brings: first of the latest, then of a range.
        symbol_of: The symbol under which the query's payloads are stored.
        latest_sessions: By dataset: how many sessions its latest rows hold, the current one included.
        file_names: For a provider of one payload per session: the names that the session's payload can have,
            as its `request` ends with them. None for all others.
    """

    connect: PayloadConnector
    queries_of: Callable[[FetchRequest, Settings, date], list[Query]]
    is_covered: Callable[[Query, Sequence[LandedResponse], datetime], bool]
    asset_types: Callable[[str], tuple[AssetType, ...]] = all_asset_types
    bar_intervals: Callable[[Query, Settings], tuple[str, ...]] = interval_of_query
    symbol_of: Callable[[Query], str] = symbol_of_query
    latest_sessions: Callable[[Settings], Mapping[str, int]] = lambda _settings: MappingProxyType({})
    file_names: Callable[[date], tuple[str, ...]] | None = None

    def queries(self, request: FetchRequest, settings: Settings, today: date) -> list[Query]:
        """The handler's queries for the request, the most important first.

        Raises:
            PlanError: the provider or the plan does not have what is requested.
        """
        self.require_valid(request)
        return self.queries_of(request, settings, today)


@dataclass(frozen=True, kw_only=True)
class FileSource(Source):
    """A provider of one flat file per dataset and session, with all symbols in it.

    Attributes:
        connect: Makes the handler.
        days_of: The session dates of the files of a valid request, the oldest first.
        is_due: Whether the file of a session should be published by now.
        file_key: The key of a dataset's file of a session in the provider's store.
    """

    connect: FileConnector
    days_of: Callable[[FetchRequest, Settings, datetime], list[date]]
    is_due: Callable[[date, datetime], bool]
    file_key: Callable[[str, date], str]

    def days(self, request: FetchRequest, settings: Settings, now: datetime) -> list[date]:
        """The session dates of the requested files, the oldest first.

        Raises:
            PlanError: an unknown dataset or an empty range.
        """
        self.require_valid(request)
        return self.days_of(request, settings, now)


def has_session_files(source: Source) -> bool:
    """Whether the provider has one file per session, with all symbols in it."""
    return isinstance(source, FileSource) or (
        isinstance(source, PayloadSource) and source.file_names is not None
    )


def requested_days(source: Source, request: FetchRequest, settings: Settings, now: datetime) -> list[date]:
    """The session dates of the files that a request brings; none if the provider has no file per session.

    Raises:
        PlanError: the provider does not have what is requested.
    """
    if isinstance(source, FileSource):
        return source.days(request, settings, now)
    if not isinstance(source, PayloadSource) or source.file_names is None:
        return []
    return [query.start for query in source.queries(request, settings, now.date()) if query.start]
