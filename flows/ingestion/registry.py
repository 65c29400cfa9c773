"""The providers, by name: one line each."""

from collections.abc import Mapping

from config.load import ConfigError
from flows.ingestion.source import Source
from flows.ingestion.sources import alphavantage, bse, coingecko, yahoo

SOURCES: Mapping[str, Source] = {
    "alphavantage": alphavantage.SOURCE,
    "yahoo": yahoo.SOURCE,
    "coingecko": coingecko.SOURCE,
    "bse": bse.SOURCE,
}


def source_named(provider: str) -> Source:
    """The provider's source.

    Raises:
        ConfigError: there is none; names those that there are.
    """
    if provider not in SOURCES:
        raise ConfigError(f"no provider {provider!r}; there are {', '.join(SOURCES)}")
    return SOURCES[provider]
