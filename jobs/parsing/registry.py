"""The parsers: for each kind of raw rows, one line per provider."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.market_calendar.sessions import CRYPTO
from jobs.parsing import alphavantage, alphavantage_reference, bse, coingecko, yahoo
from jobs.parsing.raw_schema import FrameParser

ProviderDatasets = Collection[tuple[str, str]]  # (provider, dataset) pairs


@dataclass(frozen=True)
class PayloadParser:
    """A provider's parser, the datasets that it parses, and the calendars of each dataset's bars."""

    parse: FrameParser
    datasets: tuple[str, ...]
    calendars: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


PayloadParsers = Mapping[str, PayloadParser]  # by provider

BAR_PARSERS: PayloadParsers = {
    "alphavantage": PayloadParser(
        alphavantage.parse_alphavantage_bars, alphavantage.BAR_DATASETS, alphavantage.CALENDARS
    ),
    "yahoo": PayloadParser(
        yahoo.parse_yahoo_bars, yahoo.DATASETS, dict.fromkeys(yahoo.DATASETS, yahoo.CALENDARS)
    ),
    "coingecko": PayloadParser(
        coingecko.parse_coingecko_bars,
        coingecko.BAR_DATASETS,
        dict.fromkeys(coingecko.BAR_DATASETS, (CRYPTO,)),
    ),
    "bse": PayloadParser(bse.parse_bse_bars, bse.DATASETS, dict.fromkeys(bse.DATASETS, (bse.CALENDAR,))),
}
OVERVIEW_PARSERS: PayloadParsers = {
    "alphavantage": PayloadParser(alphavantage.parse_alphavantage_overviews, alphavantage.OVERVIEW_DATASETS),
    "coingecko": PayloadParser(coingecko.parse_coingecko_overviews, coingecko.COIN_DATASETS),
}
ACTION_PARSERS: PayloadParsers = {
    "alphavantage": PayloadParser(
        alphavantage_reference.parse_alphavantage_actions, alphavantage_reference.ACTION_DATASETS
    ),
    "yahoo": PayloadParser(yahoo.parse_yahoo_actions, yahoo.DATASETS),
}
NEWS_PARSERS: PayloadParsers = {
    "alphavantage": PayloadParser(
        alphavantage_reference.parse_alphavantage_news, alphavantage_reference.NEWS_DATASETS
    ),
}
INSTRUMENT_PARSERS: PayloadParsers = {
    "alphavantage": PayloadParser(
        alphavantage_reference.parse_alphavantage_instruments, alphavantage_reference.LISTING_DATASETS
    ),
    "yahoo": PayloadParser(yahoo.parse_yahoo_instruments, yahoo.DATASETS),
    "bse": PayloadParser(bse.parse_bse_instruments, bse.DATASETS),
}


def has_parser(parsers: PayloadParsers, datasets: ProviderDatasets) -> bool:
    """Whether there is a parser for any of the datasets."""
    return any(name in parsers and dataset in parsers[name].datasets for name, dataset in datasets)


def parse_payloads(
    payloads_df: DataFrame, parsers: PayloadParsers, datasets: ProviderDatasets, tasks: int | None = None
) -> DataFrame:
    """The raw rows of the payloads of these datasets, from all parsers together.

    Args:
        payloads_df: bronze.raw_payloads.
        parsers: one of the registries above; its raw columns are those returned.
        datasets: the datasets to parse.
        tasks: the number of tasks to spread each parser's payloads over first; None leaves them as stored.

    Raises:
        ValueError: there is no parser for any of the datasets; call has_parser first.
    """
    payloads = {
        name: payloads_df.filter((F.col("provider") == name) & F.col("dataset").isin(*parser.datasets))
        for name, parser in parsers.items()
        if has_parser({name: parser}, datasets)
    }
    frames = [
        parsers[name].parse(own_df if tasks is None else own_df.repartition(tasks))
        for name, own_df in payloads.items()
    ]
    if not frames:
        raise ValueError(
            f"There is no parser for {sorted(datasets)}. The parsers are for the providers {sorted(parsers)}."
        )
    return reduce(lambda above, below: above.unionByName(below), frames)


def calendars_for(parsers: PayloadParsers, datasets: ProviderDatasets) -> set[str]:
    """The calendars that the bars of these datasets can have."""
    return {
        calendar
        for name, dataset in datasets
        if has_parser(parsers, [(name, dataset)])
        for calendar in parsers[name].calendars[dataset]
    }
