"""What a run asks for: the latest of every provider's datasets, or a range of dates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from config.load import ConfigError
from config.secrets import Secrets
from config.settings import Settings, WatchList
from flows.handlers import massive as massive_handler
from flows.handlers.models import Query
from flows.ingestion.asset_types import kinds_of
from flows.ingestion.registry import SOURCES, source_named
from flows.ingestion.source import Ask, PlanError
from flows.ingestion.sources import massive

_SHOWN_CHARS = 40


@dataclass(frozen=True)
class LeftOut:
    """A provider that a run leaves out, and why."""

    provider: str
    reason: str

    def __str__(self) -> str:
        """Both, and what to do where that is meant to be so."""
        meant = f"where it is not wanted, set providers.{self.provider}.datasets = []"
        return f"{self.provider} was not asked: {self.reason}; {meant}"


def latest_asks(settings: Settings) -> tuple[Ask, ...]:
    """The asks of an ordinary run: each provider's datasets, as the settings and its plan have them."""
    payloads = tuple(
        Ask(dataset, provider=name) for name, source in SOURCES.items() for dataset in source.latest(settings)
    )
    return payloads + massive.latest_asks(settings)


def chosen_asks(asks: Sequence[Ask], providers: Sequence[str], datasets: Sequence[str]) -> tuple[Ask, ...]:
    """Of the asks those of these providers and datasets; none given means all.

    Raises:
        PlanError: no provider has such a dataset.
        ConfigError: there is no such provider.
    """
    for provider in providers:
        if provider != massive.PROVIDER:
            source_named(provider)
    manifests = [*(source.manifest for source in SOURCES.values()), massive_handler.MANIFEST]
    known = dict.fromkeys(name for manifest in manifests for name in manifest.datasets)
    for dataset in datasets:
        if dataset not in known:
            raise PlanError(f"no provider has a dataset {dataset!r}; there is {', '.join(known)}")
    return tuple(
        ask
        for ask in asks
        if (not providers or ask.provider in providers) and (not datasets or ask.dataset in datasets)
    )


def without_key(settings: Settings, secrets: Secrets, asks: Sequence[Ask]) -> tuple[LeftOut, ...]:
    """Of the providers asked those that cannot be: a secret is not set."""
    reasons = {name: _lacks_key(name, settings, secrets) for name in (ask.provider for ask in asks)}
    return tuple(LeftOut(name, reason) for name, reason in reasons.items() if reason)


def require_anybody(settings: Settings, secrets: Secrets) -> None:
    """Refuses an ordinary run that could ask nobody.

    Raises:
        ConfigError: every provider in use lacks its key; says which, and what to do.
    """
    asks = latest_asks(settings)
    lacking = without_key(settings, secrets, asks)
    if lacking and {ask.provider for ask in asks} == {each.provider for each in lacking}:
        raise ConfigError("; ".join(each.reason for each in lacking))


def _lacks_key(provider: str, settings: Settings, secrets: Secrets) -> str | None:
    if provider == massive.PROVIDER:
        return massive.lacks_key(settings, secrets)
    return source_named(provider).lacks_key(settings, secrets)


def range_asks(
    settings: Settings,
    start: date,
    end: date,
    datasets: Sequence[str] | None,
    symbols: Sequence[str] | None,
    provider: str | None = None,
    today: date | None = None,
) -> tuple[Ask, ...]:
    """The asks of a backfill from `start` to `end`, both included.

    Without `datasets`: those of an ordinary run that have a history. Without `provider`: every provider
    that has the dataset and is used at all. A symbol is asked only of datasets that have its kind. What a
    plan reaches back to is counted from `today`, else from `end`.

    Raises:
        PlanError: the range is empty, or a dataset is unknown, without history, or not in the plan; a symbol
            is of a kind that no dataset has.
        ConfigError: there is no such provider.
    """
    if start > end:
        raise PlanError(f"the range is empty: it begins on {start} and ends on {end}")
    if provider == massive.PROVIDER:
        return massive.range_asks(start, end, tuple(datasets or settings.providers.massive.datasets))
    sources = [source_named(provider)] if provider else list(SOURCES.values())
    used = [source for source in sources if provider or source.latest(settings)]
    known = tuple(dict.fromkeys(name for source in used for name in source.history))
    for dataset in datasets or ():
        if dataset not in known:
            raise PlanError(f"no history of {dataset!r}; there is {', '.join(known)}")
    offered = tuple(
        Ask(dataset, None, start, end, source.name)
        for source in used
        for dataset in (datasets or source.latest(settings))
        if dataset in source.history
    )
    asks = asks_for(offered, symbols or (), settings.watch_list)
    for ask in asks:
        queries(
            ask, settings, today or end
        )  # what the plan does not have is refused before anything is asked
    return asks


def asks_for(asks: Sequence[Ask], symbols: Sequence[str], watch_list: WatchList) -> tuple[Ask, ...]:
    """Of these asks of the watch list those for the symbols instead, each for those of its dataset's kinds.

    Without symbols, all as they are.

    Raises:
        PlanError: a symbol is of a kind that none of the datasets has.
    """
    if not symbols:
        return tuple(asks)
    kinds = {symbol: set(kinds_of(symbol, watch_list)) for symbol in symbols}
    taken = {ask: source_named(ask.provider).kinds(ask.dataset) for ask in asks}
    for symbol, its in kinds.items():
        if taken and not any(its.intersection(some) for some in taken.values()):
            raise PlanError(_not_taken(symbol, its, taken))
    fitting = (
        (ask, tuple(each for each in symbols if kinds[each] & set(some))) for ask, some in taken.items()
    )
    return tuple(replace(ask, symbols=chosen) for ask, chosen in fitting if chosen)


def _not_taken(symbol: str, its: Iterable[str], taken: Mapping[Ask, Sequence[str]]) -> str:
    offers = "; ".join(f"{ask.dataset}: {' or '.join(some) or 'no symbols'}" for ask, some in taken.items())
    return (
        f"wanted a symbol that what is asked can be asked for ({offers}), found {symbol[:_SHOWN_CHARS]!a}, a "
        f"{' and '.join(its)}; name a dataset that has it, or list it in [watch_list] as what it is"
    )


def queries(ask: Ask, settings: Settings, today: date) -> list[Query]:
    """The handler's queries for one ask, in order of priority.

    Raises:
        PlanError: the provider or the plan does not have it.
    """
    return source_named(ask.provider).queries(ask, settings, today)
