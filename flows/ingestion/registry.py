"""The sources of all providers: of each provider of the settings the `SOURCE` of its module in sources/."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final

from config.load import ConfigError
from config.settings import Providers
from flows.ingestion.source import FileSource, PayloadSource, Source
from jobs.runs.errors import PlanError


def _source_of(provider: str) -> Source:
    source = import_module(f"flows.ingestion.sources.{provider}").SOURCE
    if not isinstance(source, PayloadSource | FileSource) or source.name != provider:
        raise TypeError(f"flows/ingestion/sources/{provider}.py: SOURCE is not a source named {provider!r}")
    return source


SOURCES: Final[Mapping[str, Source]] = MappingProxyType(
    {provider: _source_of(provider) for provider in Providers.model_fields}
)
PAYLOAD_SOURCES: Final[Mapping[str, PayloadSource]] = MappingProxyType(
    {name: source for name, source in SOURCES.items() if isinstance(source, PayloadSource)}
)
FILE_SOURCES: Final[Mapping[str, FileSource]] = MappingProxyType(
    {name: source for name, source in SOURCES.items() if isinstance(source, FileSource)}
)


def source_named(provider: str) -> Source:
    """The provider's source.

    Raises:
        ConfigError: there is no such provider; the message names those that there are.
    """
    if provider not in SOURCES:
        raise ConfigError(f"no provider {provider!r}; there are {', '.join(SOURCES)}")
    return SOURCES[provider]


def payload_source_named(provider: str) -> PayloadSource:
    """The source of a provider that returns payloads.

    Raises:
        ConfigError: there is no such provider.
        PlanError: the provider has flat files.
    """
    source = source_named(provider)
    if not isinstance(source, PayloadSource):
        raise PlanError(f"{provider} has flat files, which are not requested by symbol")
    return source
