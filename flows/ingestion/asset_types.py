"""What a symbol is: a stock, a currency pair or a coin. Each dataset is asked for the kinds that it has."""

import re
from collections.abc import Sequence
from typing import Final, Literal

from config.settings import WatchList

SymbolKind = Literal["stock", "currency pair", "coin"]
EVERY_KIND: Final[tuple[SymbolKind, ...]] = ("stock", "currency pair", "coin")

_PAIR: Final = re.compile(r"[A-Z]{6}")
_COIN: Final = re.compile(r"[A-Z0-9]{2,12}-[A-Z]{3,5}(=.*)?")


def symbols_listed(watch_list: WatchList, kinds: Sequence[SymbolKind]) -> tuple[str, ...]:
    """The watch list's symbols of these kinds, kind by kind; a coin without its id at another provider."""
    of_kind: dict[SymbolKind, tuple[str, ...]] = {
        "stock": watch_list.stocks,
        "currency pair": watch_list.fx,
        "coin": tuple(coin.partition("=")[0] for coin in watch_list.crypto),
    }
    return tuple(symbol for kind in kinds for symbol in of_kind[kind])


def kinds_of(symbol: str, watch_list: WatchList) -> tuple[SymbolKind, ...]:
    """What the watch list has the symbol as; where it does not, what it looks like.

    Six letters look like a currency pair, `BTC-USD` like a coin, everything else like a stock.
    """
    name = symbol.upper()
    listed = tuple(
        kind for kind in EVERY_KIND if name in {each.upper() for each in symbols_listed(watch_list, (kind,))}
    )
    return listed or (_looks_like(name),)


def _looks_like(name: str) -> SymbolKind:
    if _PAIR.fullmatch(name):
        return "currency pair"
    return "coin" if _COIN.fullmatch(name) else "stock"
