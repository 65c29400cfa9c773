"""Coins with generated prices; a price depends only on seed, coin and instant."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import exp, pi, sin
from types import MappingProxyType
from typing import Final, NamedTuple

from flows.simulator.market.random_seeds import stable_share

_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR
# Period in seconds, and amplitude as a share of the price: from a year down to a quarter of an hour.
_WAVES: Final = (
    *((400 * _DAY, 0.35), (90 * _DAY, 0.15), (17 * _DAY, 0.06)),
    *((2.3 * _DAY, 0.02), (7 * _HOUR, 0.008), (1.1 * _HOUR, 0.003), (0.25 * _HOUR, 0.001)),
)
_NOISE: Final = 0.001
_NOISE_SECONDS: Final = 60
_DIGITS: Final = 12

# Currency units per US dollar, rounded; a coin quoted in another coin takes the ratio of their prices.
_UNITS_PER_DOLLAR: Final = MappingProxyType(
    {"usd": 1.0, "eur": 0.92, "gbp": 0.79, "jpy": 150.0, "inr": 84.0, "myr": 4.4, "chf": 0.88}
)


class SimulatedCoin(NamedTuple):
    """A coin: ticker, name, the price in dollars around which it moves, and the number in circulation."""

    ticker: str
    name: str
    dollars: float
    supply: float


COINS: Final[Mapping[str, SimulatedCoin]] = MappingProxyType(
    {
        "bitcoin": SimulatedCoin("btc", "Bitcoin", 60_000.0, 19.8e6),
        "ethereum": SimulatedCoin("eth", "Ethereum", 3_000.0, 120e6),
        "tether": SimulatedCoin("usdt", "Tether", 1.0, 140e9),
        "ripple": SimulatedCoin("xrp", "XRP", 1.2, 58e9),
        "binancecoin": SimulatedCoin("bnb", "BNB", 600.0, 140e6),
        "solana": SimulatedCoin("sol", "Solana", 150.0, 500e6),
        "usd-coin": SimulatedCoin("usdc", "USDC", 1.0, 60e9),
        "dogecoin": SimulatedCoin("doge", "Dogecoin", 0.2, 150e9),
        "cardano": SimulatedCoin("ada", "Cardano", 0.7, 35e9),
        "tron": SimulatedCoin("trx", "TRON", 0.25, 95e9),
        "chainlink": SimulatedCoin("link", "Chainlink", 15.0, 650e6),
        "avalanche-2": SimulatedCoin("avax", "Avalanche", 25.0, 420e6),
        "stellar": SimulatedCoin("xlm", "Stellar", 0.3, 31e9),
        "bitcoin-cash": SimulatedCoin("bch", "Bitcoin Cash", 450.0, 19.9e6),
        "litecoin": SimulatedCoin("ltc", "Litecoin", 90.0, 76e6),
        "polkadot": SimulatedCoin("dot", "Polkadot", 4.5, 1.6e9),
        "shiba-inu": SimulatedCoin("shib", "Shiba Inu", 0.000015, 589e12),
        "uniswap": SimulatedCoin("uni", "Uniswap", 8.0, 600e6),
        "monero": SimulatedCoin("xmr", "Monero", 250.0, 18.4e6),
        "ethereum-classic": SimulatedCoin("etc", "Ethereum Classic", 20.0, 152e6),
        "cosmos": SimulatedCoin("atom", "Cosmos Hub", 5.0, 470e6),
        "pepe": SimulatedCoin("pepe", "Pepe", 0.000012, 420e12),
    }
)
_ID_OF_TICKER: Final = {coin.ticker: coin_id for coin_id, coin in COINS.items()}


def is_known_currency(currency: str) -> bool:
    """Whether coins are quoted in this currency: some currencies, and every coin."""
    return currency in _UNITS_PER_DOLLAR or currency in _ID_OF_TICKER


def coin_price(seed: int, coin_id: str, currency: str, at_ms: int) -> float:
    """The price of one coin at an instant in milliseconds, with 12 digits; raises KeyError if unknown."""
    dollars = _dollars(seed, coin_id, at_ms / 1000)
    if currency in _UNITS_PER_DOLLAR:
        price = dollars * _UNITS_PER_DOLLAR[currency]
    else:
        price = dollars / _dollars(seed, _ID_OF_TICKER[currency], at_ms / 1000)
    return float(f"{price:.{_DIGITS}g}")


def _dollars(seed: int, coin_id: str, at: float) -> float:
    waves = zip(_WAVES, _phases(seed, coin_id), strict=True)
    level = sum(amplitude * sin(2 * pi * at / period + phase) for (period, amplitude), phase in waves)
    noise = _NOISE * (stable_share("coin", seed, coin_id, int(at // _NOISE_SECONDS)) - 0.5)
    return COINS[coin_id].dollars * exp(level + noise)


@lru_cache(maxsize=256)
def _phases(seed: int, coin_id: str) -> Sequence[float]:
    return [2 * pi * stable_share("phase", seed, coin_id, number) for number in range(len(_WAVES))]
