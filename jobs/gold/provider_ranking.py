"""The order of providers, and one spelling of symbols that providers spell differently."""

from collections.abc import Iterable, Sequence
from itertools import chain

from pyspark.sql import Column
from pyspark.sql import functions as F

from config.settings import WatchList

_SEPARATORS, _AS_DOTS = "-/", ".."


def provider_rank(provider_order: Sequence[str], provider: str = "provider") -> Column:
    """The provider's position in the order, from 0; all other providers share the last position."""
    rank = F.lit(len(provider_order))
    for position, name in reversed(list(enumerate(provider_order))):
        rank = F.when(F.col(provider) == name, F.lit(position)).otherwise(rank)
    return rank


def watched_symbols(watch_list: WatchList) -> tuple[str, ...]:
    """The symbols of the watch list as stored in silver.bars, in order of priority."""
    coins = (coin.partition("=")[0] for coin in watch_list.crypto)
    return (*watch_list.stocks, *watch_list.fx, *coins)


def normalised_symbol(symbols: Iterable[str], symbol: str = "symbol") -> Column:
    """The symbol in the spelling of `symbols`, if it differs from one of them in separators only.

    Alpha Vantage and Massive write a class share BRK.B, Yahoo BRK-B, others BRK/B. Case is kept: for Massive,
    ABFpA is a preferred share. Any other symbol is unchanged. `symbol`: the name of the column.
    """
    spellings: dict[str, str] = {}
    for spelling in symbols:
        if any(separator in spelling for separator in (*_SEPARATORS, ".")):
            spellings.setdefault(spelling.translate(str.maketrans(_SEPARATORS, _AS_DOTS)), spelling)
    if not spellings:
        return F.col(symbol)
    known = F.create_map(*(F.lit(part) for part in chain.from_iterable(spellings.items())))
    plain = F.translate(symbol, _SEPARATORS, _AS_DOTS)
    return F.coalesce(F.element_at(known, plain), F.col(symbol))
