"""The parser of each provider."""

from collections.abc import Callable, Mapping
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import parse_alphavantage

Parser = Callable[[DataFrame], DataFrame]

BAR_PARSERS: Mapping[str, Parser] = {"alphavantage": parse_alphavantage.raw_bars}
OVERVIEW_PARSERS: Mapping[str, Parser] = {"alphavantage": parse_alphavantage.raw_overviews}


def parse_bars(payloads_df: DataFrame) -> DataFrame:
    """One row a bar of any provider, values as text (parse_alphavantage.RAW_BAR_COLUMNS)."""
    return _parse(payloads_df, BAR_PARSERS)


def parse_overviews(payloads_df: DataFrame) -> DataFrame:
    """One row a company overview of any provider, with its `facts`."""
    return _parse(payloads_df, OVERVIEW_PARSERS)


def _parse(payloads_df: DataFrame, parsers: Mapping[str, Parser]) -> DataFrame:
    frames = [parse(payloads_df.filter(F.col("provider") == name)) for name, parse in parsers.items()]
    return reduce(lambda above, below: above.unionByName(below), frames)
