"""Which provider comes first, and symbols that providers spell differently."""

from collections.abc import Iterable, Sequence
from itertools import chain

from pyspark.sql import Column
from pyspark.sql import functions as F

from config.settings import WatchList

_SEPARATORS, _AS_DOTS = "-/", ".."


def provider_rank(provider_order: Sequence[str], provider: str = "provider") -> Column:
    """The place of the provider in the order, the first 0; all that it does not name come last alike."""
    rank = F.lit(len(provider_order))
    for place, name in reversed(list(enumerate(provider_order))):
        rank = F.when(F.col(provider) == name, F.lit(place)).otherwise(rank)
    return rank


def watched(watch_list: WatchList) -> tuple[str, ...]:
    """The symbols of the watch list as bars are stored under them, those first in priority first."""
    coins = (coin.partition("=")[0] for coin in watch_list.crypto)
    return (*watch_list.stocks, *watch_list.fx, *coins)


def spelled_as(symbols: Iterable[str], symbol: str = "symbol") -> Column:
    """The column's symbol in the spelling of `symbols`, where one differs from it in separators only.

    A class share is BRK.B to Alpha Vantage and Massive, BRK-B to Yahoo, BRK/B to others. Case is kept: to
    Massive ABFpA is a preferred share. What is like none of `symbols` stays as it is.
    """
    spellings: dict[str, str] = {}
    for each in symbols:
        if any(separator in each for separator in (*_SEPARATORS, ".")):
            spellings.setdefault(each.translate(str.maketrans(_SEPARATORS, _AS_DOTS)), each)
    if not spellings:
        return F.col(symbol)
    known = F.create_map(*(F.lit(part) for part in chain.from_iterable(spellings.items())))
    plain = F.translate(symbol, _SEPARATORS, _AS_DOTS)
    return F.coalesce(F.element_at(known, plain), F.col(symbol))
