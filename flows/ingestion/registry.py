"""The providers, one line each: those that return payloads, and those that have flat files."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from config.load import ConfigError
from flows.ingestion.source import FileSource, PayloadSource, Source
from flows.ingestion.sources import alphavantage, bse, coingecko, massive, yahoo
from jobs.runs.errors import PlanError

PAYLOAD_SOURCES: Final[Mapping[str, PayloadSource]] = MappingProxyType(
    {
        "alphavantage": alphavantage.SOURCE,
        "yahoo": yahoo.SOURCE,
        "coingecko": coingecko.SOURCE,
        "bse": bse.SOURCE,
    }
)
FILE_SOURCES: Final[Mapping[str, FileSource]] = MappingProxyType(
    {
        "massive": massive.SOURCE,
    }
)
SOURCES: Final[Mapping[str, Source]] = MappingProxyType({**PAYLOAD_SOURCES, **FILE_SOURCES})


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
