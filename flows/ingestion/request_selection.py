"""Which requests a run makes: the latest of each provider's datasets, or a range of dates."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from config.load import ConfigError
from config.secrets import Secrets
from config.settings import Settings, WatchList
from flows.handlers.models import Query
from flows.ingestion.asset_types import AssetType, asset_types_of
from flows.ingestion.fetch_result import SkippedProvider
from flows.ingestion.registry import PAYLOAD_SOURCES, SOURCES, payload_source_named, source_named
from flows.ingestion.source import FetchRequest, PayloadSource, Source
from jobs.runs.errors import PlanError

_DISPLAY_CHARS = 40


def latest_requests(
    settings: Settings,
    datasets: Sequence[str] = (),
    symbols: Sequence[str] = (),
    provider: str | None = None,
) -> tuple[FetchRequest, ...]:
    """The requests of an ordinary run: the datasets of each provider that the settings use.

    `datasets`, `symbols` and `provider` narrow them; a dataset that is named need not be one of an ordinary
    run.

    Raises:
        PlanError: no provider in use has the dataset; no dataset has the symbol's asset type.
        ConfigError: there is no such provider.
    """
    used = [source_named(provider)] if provider else _used(SOURCES.values(), settings)
    known = dict.fromkeys(name for source in used for name in source.manifest.datasets)
    for dataset in datasets:
        if dataset not in known:
            raise PlanError(f"no provider in use has {dataset!r}; there is {', '.join(known)}")
    requests = [
        request
        for source in used
        for request in source.latest_requests(datasets or source.latest_datasets(settings))
    ]
    return restrict_to_symbols(requests, symbols, settings.watch_list)


def range_requests(
    settings: Settings,
    start: date,
    end: date,
    datasets: Sequence[str] | None,
    symbols: Sequence[str] | None,
    provider: str | None = None,
    today: date | None = None,
) -> tuple[FetchRequest, ...]:
    """The requests of a backfill from `start` to `end`, both included.

    Without `datasets`: those of an ordinary run that have a history. Without `provider`: every provider of
    payloads that has the dataset and that the settings use; flat files are large, so their provider must be
    named. A symbol is requested only from datasets that have its asset type. How far back a plan reaches is
    counted from `today`, else from `end`.

    Raises:
        PlanError: the range is empty; a dataset is unknown, has no history, or is not in the plan; no dataset
            has a symbol's asset type.
        ConfigError: there is no such provider.
    """
    if start > end:
        raise PlanError(f"the range is empty: it begins on {start} and ends on {end}")
    used = [source_named(provider)] if provider else _used(PAYLOAD_SOURCES.values(), settings)
    known = dict.fromkeys(name for source in used for name in source.history)
    for dataset in datasets or ():
        if dataset not in known:
            raise PlanError(f"no history of {dataset!r}; there is {', '.join(known)}")
    in_range = [
        request
        for source in used
        for request in source.range_requests(start, end, datasets or source.latest_datasets(settings))
    ]
    requests = restrict_to_symbols(in_range, symbols or (), settings.watch_list)
    for request in requests:
        if isinstance(source_named(request.provider), PayloadSource):
            queries(request, settings, today or end)  # refuses what the plan does not have, before any call
    return requests


def filter_requests(
    requests: Sequence[FetchRequest], providers: Sequence[str], datasets: Sequence[str]
) -> tuple[FetchRequest, ...]:
    """The requests of these providers and datasets; an empty filter keeps all.

    Raises:
        PlanError: no provider has such a dataset.
        ConfigError: there is no such provider.
    """
    for provider in providers:
        source_named(provider)
    known = dict.fromkeys(name for source in SOURCES.values() for name in source.manifest.datasets)
    for dataset in datasets:
        if dataset not in known:
            raise PlanError(f"no provider has a dataset {dataset!r}; there is {', '.join(known)}")
    return tuple(
        request
        for request in requests
        if (not providers or request.provider in providers) and (not datasets or request.dataset in datasets)
    )


def restrict_to_symbols(
    requests: Sequence[FetchRequest], symbols: Sequence[str], watch_list: WatchList
) -> tuple[FetchRequest, ...]:
    """The requests, each for those of the symbols that its dataset has; without symbols all as they are.

    Requests for flat files stay as they are: a file holds all symbols.

    Raises:
        PlanError: none of the datasets has a symbol's asset type.
    """
    if not symbols:
        return tuple(requests)
    types_of = {symbol: set(asset_types_of(symbol, watch_list)) for symbol in symbols}
    sources = {request: SOURCES[request.provider] for request in requests}
    offered = {
        request: source.asset_types(request.dataset)
        for request, source in sources.items()
        if isinstance(source, PayloadSource)
    }
    for symbol, types in types_of.items():
        if offered and not any(types.intersection(its_types) for its_types in offered.values()):
            raise PlanError(_no_dataset_has(symbol, types, offered))
    restricted = []
    for request in requests:
        if request not in offered:
            restricted.append(request)
        elif fitting := tuple(name for name in symbols if types_of[name].intersection(offered[request])):
            restricted.append(replace(request, symbols=fitting))
    return tuple(restricted)


def providers_missing_credentials(
    settings: Settings, secrets: Secrets, requests: Sequence[FetchRequest]
) -> tuple[SkippedProvider, ...]:
    """The providers of these requests that cannot be requested, because a secret is not set."""
    providers = dict.fromkeys(request.provider for request in requests)
    reasons = {name: source_named(name).missing_credentials(settings, secrets) for name in providers}
    return tuple(SkippedProvider(name, reason) for name, reason in reasons.items() if reason)


def require_credentials(settings: Settings, secrets: Secrets) -> None:
    """Checks that an ordinary run has the credentials of at least one provider.

    Raises:
        ConfigError: every provider in use misses a secret; the message says which, and what to do.
    """
    requests = latest_requests(settings)
    missing = providers_missing_credentials(settings, secrets, requests)
    if missing and {request.provider for request in requests} == {skipped.provider for skipped in missing}:
        raise ConfigError("; ".join(skipped.reason for skipped in missing))


def queries(request: FetchRequest, settings: Settings, today: date) -> list[Query]:
    """The handler's queries for a request for payloads, the most important first.

    Raises:
        PlanError: the provider or the plan does not have what is requested.
    """
    return payload_source_named(request.provider).queries(request, settings, today)


def _used(sources: Iterable[Source], settings: Settings) -> list[Source]:
    """The sources with datasets in an ordinary run."""
    return [source for source in sources if source.latest_datasets(settings)]


def _no_dataset_has(
    symbol: str, types: Collection[AssetType], offered: Mapping[FetchRequest, Sequence[AssetType]]
) -> str:
    datasets = "; ".join(
        f"{request.dataset}: {' or '.join(its_types) or 'no symbols'}"
        for request, its_types in offered.items()
    )
    return (
        f"none of the requested datasets ({datasets}) has the symbol {symbol[:_DISPLAY_CHARS]!a}, a "
        f"{' and '.join(types)}; name a dataset that has it, or list it in [watch_list] under its type"
    )
