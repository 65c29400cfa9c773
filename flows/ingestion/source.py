"""A provider as a run sees it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from config.secrets import Secrets
from config.settings import Settings
from flows.handlers.models import ProviderManifest, Query, RawPayload
from flows.handlers.transport.retry import OnRetry, ignore_attempt
from flows.ingestion.asset_types import EVERY_KIND, SymbolKind
from jobs.runs.run_context import RunContext


class PlanError(Exception):
    """A run asks for something that there is not: says what there is."""


@dataclass(frozen=True)
class Ask:
    """One dataset of a provider to fetch for some symbols (None: the watch list), a range or the latest.

    Of a range what was answered before is not asked again; only answers since `not_before` count, where that
    is given: those of before did not have what is asked for.
    """

    dataset: str
    symbols: tuple[str, ...] | None = None
    start: date | None = None
    end: date | None = None
    provider: str = "alphavantage"
    not_before: datetime | None = None


@dataclass(frozen=True)
class Landed:
    """An answer that lies in Bronze already, as far as it matters for not asking again."""

    symbol: str
    interval: str | None
    request: str
    fetched_at: datetime


class Connect(Protocol):
    """How a run gets a provider's handler."""

    def __call__(self, ctx: RunContext, on_retry: OnRetry = ignore_attempt) -> "Handler":
        """The handler, which tells `on_retry` each failed attempt that another one follows.

        Raises ConfigError for a missing secret, ProviderError where the record of calls cannot be used.
        """


class Handler(Protocol):
    """What a run needs of a provider."""

    def fetch(self, query: Query) -> Iterator[RawPayload]:
        """The answers to one query; ProviderError where the provider refuses or fails."""

    def close(self) -> None:
        """Gives back connections and files."""


def needs_no_key(settings: Settings, secrets: Secrets) -> str | None:
    """None: the provider asks for no key."""
    del settings, secrets
    return None


def every_kind(dataset: str) -> tuple[SymbolKind, ...]:
    """All kinds of symbols: the provider has any of them in any dataset."""
    del dataset
    return EVERY_KIND


@dataclass(frozen=True)
class Source:
    """One provider of payloads.

    `latest`: the datasets of an ordinary run, by the settings; `history`: those a range can be asked of.
    `queries(ask, settings, today)` gives the handler's queries in order of priority; it raises PlanError
    for a dataset or range that the provider or the plan does not have.
    `is_answered(query, landed, now)` says whether one of the answers that lie in Bronze (of the query's
    dataset; their `request` is what the handler filed) makes asking needless: used for ranges only.
    `kinds(dataset)` is the kinds of symbols that it can be asked for; none where one answer has all symbols.
    `lacks_key(settings, secrets)` says which secret is not set that asking needs, and what to do; else None.
    """

    manifest: ProviderManifest
    connect: Connect
    latest: Callable[[Settings], tuple[str, ...]]
    history: tuple[str, ...]
    queries: Callable[[Ask, Settings, date], list[Query]]
    is_answered: Callable[[Query, Sequence[Landed], datetime], bool]
    threads: Callable[[Settings], int]
    kinds: Callable[[str], tuple[SymbolKind, ...]] = every_kind
    lacks_key: Callable[[Settings, Secrets], str | None] = needs_no_key

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.manifest.name
