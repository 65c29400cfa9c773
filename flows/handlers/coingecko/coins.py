"""Coins as the watch list writes them, and CoinGecko's ids for them: ids are not symbols."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from flows.handlers.errors import ErrorClass, ProviderError

# By market value in 2025; many coins share a ticker, so that the id of any other has to be given.
COIN_IDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "BTC": "bitcoin",
        "ETH": "ethereum",
        "USDT": "tether",
        "XRP": "ripple",
        "BNB": "binancecoin",
        "SOL": "solana",
        "USDC": "usd-coin",
        "DOGE": "dogecoin",
        "ADA": "cardano",
        "TRX": "tron",
        "LINK": "chainlink",
        "AVAX": "avalanche-2",
        "XLM": "stellar",
        "BCH": "bitcoin-cash",
        "LTC": "litecoin",
        "DOT": "polkadot",
        "SHIB": "shiba-inu",
        "UNI": "uniswap",
        "XMR": "monero",
        "ETC": "ethereum-classic",
        "ATOM": "cosmos",
    }
)

_COIN: Final = re.compile(r"([A-Z0-9]{2,12})-([A-Z]{3,5})(?:=([a-z0-9-]{1,60}))?")
_SHOWN_CHARS: Final = 40


@dataclass(frozen=True)
class Coin:
    """A coin in a currency: `BTC-USD` is `symbol`, `bitcoin` the id, `usd` the currency."""

    symbol: str
    coin_id: str
    currency: str


def read_coin(text: str) -> Coin:
    """The coin that the watch list writes `BTC-USD`, or `PEPE-USD=pepe` with its id at CoinGecko.

    Raises ProviderError(bad_symbol) for another spelling, and for a coin whose id is neither given nor
    built in; it says how to write it.
    """
    match = _COIN.fullmatch(text)
    if match is None:
        raise unusable("a coin and a currency like BTC-USD, or PEPE-USD=pepe with its CoinGecko id", text)
    ticker, currency, coin_id = match.groups()
    coin_id = coin_id or COIN_IDS.get(ticker)
    if coin_id is None:
        raise unusable(
            "a coin whose CoinGecko id is known",
            text,
            remedy=f"write {text}=ID in the watch list, where ID is the `API ID` on the coin's page at "
            "https://www.coingecko.com (for PEPE: PEPE-USD=pepe)",
        )
    return Coin(f"{ticker}-{currency}", coin_id, currency.lower())


def unusable(wanted: str, found: str, remedy: str | None = None) -> ProviderError:
    """The error for a query that makes no sense; what was found is shown shortened and printable."""
    shown = ascii(found[:_SHOWN_CHARS])
    more = f" and {len(found) - _SHOWN_CHARS} characters more" if len(found) > _SHOWN_CHARS else ""
    return ProviderError(ErrorClass.bad_symbol, wanted, f"{shown}{more}", remedy=remedy)
