"""Exchange rates on weekdays, generated from a seed.

Each currency is a random walk against the US dollar; a pair is the quotient of two walks, so
cross rates agree.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from flows.simulator.market.random_seeds import stable_random

_DAILY_VOLATILITY = 0.006
_WICK_VOLATILITY = 0.002
_FRIDAY = 4
_SMALL_RATE = 0.01

# US dollars per unit in August 2009, rounded: the start of each walk.
_STARTING_DOLLARS = {
    "AUD": 0.83, "BRL": 0.54, "CAD": 0.92, "CHF": 0.94, "CNY": 0.1464, "CZK": 0.056, "DKK": 0.192,
    "EUR": 1.43, "GBP": 1.65, "HKD": 0.129, "HUF": 0.0053, "IDR": 0.0001, "ILS": 0.263, "INR": 0.0205,
    "JPY": 0.0106, "KRW": 0.0008, "MXN": 0.0775, "NOK": 0.165, "NZD": 0.68, "PLN": 0.348, "SEK": 0.141,
    "SGD": 0.693, "THB": 0.0294, "TRY": 0.67, "USD": 1.0, "ZAR": 0.128,
}  # fmt: skip


class FxBar(NamedTuple):
    """One day of one pair, in units of the second currency per unit of the first."""

    trade_dt: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


def is_known_pair(base: str, quote: str) -> bool:
    """Whether both currencies are simulated and different."""
    return base in _STARTING_DOLLARS and quote in _STARTING_DOLLARS and base != quote


@lru_cache(maxsize=256)
def fx_bars(seed: int, base: str, quote: str, first: date, last: date) -> tuple[FxBar, ...]:
    """The pair's bars on the weekdays from `first` to `last`, oldest first; raises KeyError if unknown."""
    days = _weekdays(first, last)
    pairs = zip(_walk(seed, base, len(days)), _walk(seed, quote, len(days)), strict=True)
    closes = [of_base / of_quote for of_base, of_quote in pairs]
    opens = [closes[0], *closes[:-1]]
    wicks = stable_random("wick", seed, base, quote)
    places = 8 if min(closes) < _SMALL_RATE else 5
    return tuple(
        FxBar(
            trade_dt=day,
            open=_rounded(start, places),
            high=_rounded(max(start, end) * (1 + abs(wicks.gauss(0, _WICK_VOLATILITY))), places),
            low=_rounded(min(start, end) * (1 - abs(wicks.gauss(0, _WICK_VOLATILITY))), places),
            close=_rounded(end, places),
        )
        for day, start, end in zip(days, opens, closes, strict=True)
    )


def _walk(seed: int, currency: str, days: int) -> Sequence[float]:
    """The currency's daily price in US dollars; for the dollar itself always 1."""
    rng = stable_random("fx", seed, currency)
    volatility = 0.0 if currency == "USD" else _DAILY_VOLATILITY
    steps = (1 + rng.gauss(0, volatility) for _ in range(days - 1))
    return list(accumulate(steps, lambda level, step: level * step, initial=_STARTING_DOLLARS[currency]))


def _weekdays(first: date, last: date) -> list[date]:
    days = (first + timedelta(days=i) for i in range((last - first).days + 1))
    return [day for day in days if day.weekday() <= _FRIDAY]


def _rounded(rate: float, places: int) -> Decimal:
    return Decimal(f"{rate:.{places}f}")
