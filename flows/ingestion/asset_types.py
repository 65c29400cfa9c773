"""The asset type of a symbol: a stock, a currency pair or a coin. A dataset has one or several of them."""

import re
from collections.abc import Sequence
from typing import Final, Literal

from config.settings import WatchList

AssetType = Literal["stock", "currency pair", "coin"]
ALL_ASSET_TYPES: Final[tuple[AssetType, ...]] = ("stock", "currency pair", "coin")

_PAIR: Final = re.compile(r"[A-Z]{6}")
_COIN: Final = re.compile(r"[A-Z0-9]{2,12}-[A-Z]{3,5}(=.*)?")


def listed_symbols(watch_list: WatchList, asset_types: Sequence[AssetType]) -> tuple[str, ...]:
    """The watch list's symbols of these types, one type after the other; coins without their ids."""
    by_type: dict[AssetType, tuple[str, ...]] = {
        "stock": watch_list.stocks,
        "currency pair": watch_list.fx,
        "coin": tuple(coin.partition("=")[0] for coin in watch_list.crypto),
    }
    return tuple(symbol for asset_type in asset_types for symbol in by_type[asset_type])


def asset_types_of(symbol: str, watch_list: WatchList) -> tuple[AssetType, ...]:
    """The types under which the watch list has the symbol; for others the type that their form suggests.

    Six letters suggest a currency pair, `BTC-USD` a coin, everything else a stock.
    """
    name = symbol.upper()
    listed = tuple(
        asset_type
        for asset_type in ALL_ASSET_TYPES
        if name in {known.upper() for known in listed_symbols(watch_list, (asset_type,))}
    )
    return listed or (_suggested_type(name),)


def _suggested_type(name: str) -> AssetType:
    if _PAIR.fullmatch(name):
        return "currency pair"
    return "coin" if _COIN.fullmatch(name) else "stock"
