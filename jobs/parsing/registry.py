"""Who reads which payloads: for each kind of rows, one line a provider."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.market_calendar.sessions import CRYPTO
from jobs.parsing.alphavantage import CALENDARS as ALPHAVANTAGE_CALENDARS
from jobs.parsing.alphavantage import parse_alphavantage_bars, parse_alphavantage_overviews
from jobs.parsing.alphavantage_reference import (
    LISTINGS,
    parse_alphavantage_actions,
    parse_alphavantage_instruments,
    parse_alphavantage_news,
)
from jobs.parsing.bse import parse_bse_bars, parse_bse_instruments
from jobs.parsing.coingecko import parse_coingecko_bars, parse_coingecko_overviews
from jobs.parsing.raw_schema import FrameParser
from jobs.parsing.yahoo import CALENDARS as YAHOO_CALENDARS
from jobs.parsing.yahoo import parse_yahoo_actions, parse_yahoo_bars, parse_yahoo_instruments

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
        parse_alphavantage_bars, tuple(ALPHAVANTAGE_CALENDARS), ALPHAVANTAGE_CALENDARS
    ),
    "yahoo": PayloadParser(parse_yahoo_bars, _YAHOO, dict.fromkeys(_YAHOO, YAHOO_CALENDARS)),
    "coingecko": PayloadParser(parse_coingecko_bars, _COINGECKO, dict.fromkeys(_COINGECKO, (CRYPTO,))),
    "bse": PayloadParser(parse_bse_bars, ("bhavcopy",), {"bhavcopy": ("XBOM",)}),
}
OVERVIEW_PARSERS: PayloadParsers = {
    "alphavantage": PayloadParser(parse_alphavantage_overviews, ("overview",)),
    "coingecko": PayloadParser(parse_coingecko_overviews, ("markets",)),
}
ACTION_PARSERS: PayloadParsers = {
    "alphavantage": PayloadParser(parse_alphavantage_actions, ("splits", "dividends")),
    "yahoo": PayloadParser(parse_yahoo_actions, _YAHOO),
}
NEWS_PARSERS: PayloadParsers = {
    "alphavantage": PayloadParser(parse_alphavantage_news, ("news",)),
}
INSTRUMENT_PARSERS: PayloadParsers = {
    "alphavantage": PayloadParser(parse_alphavantage_instruments, LISTINGS),
    "yahoo": PayloadParser(parse_yahoo_instruments, _YAHOO),
    "bse": PayloadParser(parse_bse_instruments, ("bhavcopy",)),
}


def has_parser(parsers: PayloadParsers, datasets: ProviderDatasets) -> bool:
    """Whether any of the sources (provider, dataset) is read by any of the readers."""
    return any(name in parsers and dataset in parsers[name].datasets for name, dataset in datasets)


def parse_payloads(
    payloads_df: DataFrame, parsers: PayloadParsers, datasets: ProviderDatasets, tasks: int | None = None
) -> DataFrame:
    """The rows of text that the readers find in the payloads of these sources.

    `tasks`: among how many each reader's payloads are dealt out first; None: they stay as they lie.

    Raises:
        ValueError: no reader reads any of them; ask has_any first.
    """
    own = {
        name: payloads_df.filter((F.col("provider") == name) & F.col("dataset").isin(*parser.datasets))
        for name, parser in parsers.items()
        if has_parser({name: parser}, datasets)
    }
    frames = [
        parsers[name].parse(own_df if tasks is None else own_df.repartition(tasks))
        for name, own_df in own.items()
    ]
    if not frames:
        raise ValueError(f"nothing reads {sorted(datasets)}; there are readers for {sorted(parsers)}")
    return reduce(lambda above, below: above.unionByName(below), frames)


def calendars_for(parsers: PayloadParsers, datasets: ProviderDatasets) -> set[str]:
    """The calendars that rows of these sources can name."""
    return {
        calendar
        for name, dataset in datasets
        if has_parser(parsers, [(name, dataset)])
        for calendar in parsers[name].calendars[dataset]
    }
