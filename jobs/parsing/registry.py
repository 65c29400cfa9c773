"""Who reads which payloads: for each kind of rows, one line a provider."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.market_calendar.sessions import CRYPTO
from jobs.parsing import alphavantage as parse_alphavantage
from jobs.parsing import alphavantage_reference as parse_alphavantage_reference
from jobs.parsing import bse as parse_bse
from jobs.parsing import coingecko as parse_coingecko
from jobs.parsing import yahoo as parse_yahoo
from jobs.parsing.raw_schema import FrameParser

ProviderDatasets = Collection[tuple[str, str]]


@dataclass(frozen=True)
class PayloadParser:
    """A provider's parser, the datasets it reads, and the calendars that the bars of each can name."""

    parse: FrameParser
    datasets: tuple[str, ...]
    calendars: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


PayloadParsers = Mapping[str, PayloadParser]

_YAHOO = ("daily", "intraday")
_COINGECKO = ("market_chart", "ohlc")
BAR_PARSERS: PayloadParsers = {
    "alphavantage": PayloadParser(
        parse_alphavantage.raw_bars, tuple(parse_alphavantage.CALENDARS), parse_alphavantage.CALENDARS
    ),
    "yahoo": PayloadParser(parse_yahoo.raw_bars, _YAHOO, dict.fromkeys(_YAHOO, parse_yahoo.CALENDARS)),
    "coingecko": PayloadParser(parse_coingecko.raw_bars, _COINGECKO, dict.fromkeys(_COINGECKO, (CRYPTO,))),
    "bse": PayloadParser(parse_bse.raw_bars, ("bhavcopy",), {"bhavcopy": ("XBOM",)}),
}
OVERVIEW_PARSERS: PayloadParsers = {
    "alphavantage": PayloadParser(parse_alphavantage.raw_overviews, ("overview",)),
    "coingecko": PayloadParser(parse_coingecko.raw_overviews, ("markets",)),
}
ACTION_PARSERS: PayloadParsers = {
    "alphavantage": PayloadParser(parse_alphavantage_reference.raw_actions, ("splits", "dividends")),
    "yahoo": PayloadParser(parse_yahoo.raw_actions, _YAHOO),
}
NEWS_PARSERS: PayloadParsers = {
    "alphavantage": PayloadParser(parse_alphavantage_reference.raw_news, ("news",)),
}
INSTRUMENT_PARSERS: PayloadParsers = {
    "alphavantage": PayloadParser(
        parse_alphavantage_reference.raw_instruments, parse_alphavantage_reference.LISTINGS
    ),
    "yahoo": PayloadParser(parse_yahoo.raw_instruments, _YAHOO),
    "bse": PayloadParser(parse_bse.raw_instruments, ("bhavcopy",)),
}


def has_parser(readers: PayloadParsers, sources: ProviderDatasets) -> bool:
    """Whether any of the sources (provider, dataset) is read by any of the readers."""
    return any(name in readers and dataset in readers[name].datasets for name, dataset in sources)


def parse_payloads(
    payloads_df: DataFrame, readers: PayloadParsers, sources: ProviderDatasets, tasks: int | None = None
) -> DataFrame:
    """The rows of text that the readers find in the payloads of these sources.

    `tasks`: among how many each reader's payloads are dealt out first; None: they stay as they lie.

    Raises:
        ValueError: no reader reads any of them; ask has_any first.
    """
    own = {
        name: payloads_df.filter((F.col("provider") == name) & F.col("dataset").isin(*reader.datasets))
        for name, reader in readers.items()
        if has_parser({name: reader}, sources)
    }
    frames = [
        readers[name].parse(own_df if tasks is None else own_df.repartition(tasks))
        for name, own_df in own.items()
    ]
    if not frames:
        raise ValueError(f"nothing reads {sorted(sources)}; there are readers for {sorted(readers)}")
    return reduce(lambda above, below: above.unionByName(below), frames)


def calendars_for(readers: PayloadParsers, sources: ProviderDatasets) -> set[str]:
    """The calendars that rows of these sources can name."""
    return {
        calendar
        for name, dataset in sources
        if has_parser(readers, [(name, dataset)])
        for calendar in readers[name].calendars[dataset]
    }
