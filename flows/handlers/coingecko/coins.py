"""Coins as the watch list spells them, and their CoinGecko ids, which are not their symbols."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from flows.handlers.errors import invalid_query

# The largest by market value in 2025. Many coins share a ticker, so any other coin needs its id.
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


@dataclass(frozen=True)
class CoinPair:
    """A coin and the currency of its price: `symbol` is `BTC-USD`, `coin_id` `bitcoin`, `currency` `usd`."""

    symbol: str
    coin_id: str
    currency: str


def parse_coin(text: str) -> CoinPair:
    """The coin that the watch list spells `BTC-USD`, or `PEPE-USD=pepe` with its CoinGecko id.

    Raises ProviderError(bad_symbol) for another spelling, and for a coin whose id is neither given nor
    built in; the error says how to spell it.
    """
    match = _COIN.fullmatch(text)
    if match is None:
        raise invalid_query(
            "a coin and a currency like BTC-USD, or PEPE-USD=pepe with its CoinGecko id", text
        )
    ticker, currency, coin_id = match.groups()
    coin_id = coin_id or COIN_IDS.get(ticker)
    if coin_id is None:
        raise invalid_query(
            "a coin with a known CoinGecko id",
            text,
            remedy=f"write {text}=ID in the watch list, where ID is the `API ID` on the coin's page at "
            "https://www.coingecko.com (for PEPE: PEPE-USD=pepe)",
        )
    return CoinPair(f"{ticker}-{currency}", coin_id, currency.lower())
