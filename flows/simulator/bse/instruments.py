"""The scrips of the simulated Bombay exchange, and the bars generated for them from a seed."""

import math
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from flows.simulator.market.random_seeds import stable_random, stable_share
from flows.simulator.market.series_point import SeriesPoint

# Enough scrips that one unreadable line is less than a hundredth of a file.
_SCRIP_COUNT: Final = 120
_FIRST_CODE: Final = 599_001
_GROUPS: Final = ("A", "B", "X", "T", "XT", "B", "Z", "M", "E", "F", "G", "A")
_PAISA: Final = Decimal("0.01")


class Scrip(NamedTuple):
    """One listed security; the group is the exchange's (F and G are bonds)."""

    code: str
    name: str
    group: str
    isin: str


SCRIPS: Final[Sequence[Scrip]] = tuple(
    Scrip(
        code=str(_FIRST_CODE + number),
        name=f"SIMULATED{number:03d}",
        group=_GROUPS[number % len(_GROUPS)],
        isin=f"INE{number:03d}S01012",
    )
    for number in range(_SCRIP_COUNT)
)


def generate_bar(seed: int, scrip: Scrip, day: date, published_at: datetime) -> SeriesPoint:
    """The scrip's bar of the day: valid, the same in every process, and changing slowly from day to day."""
    rng = stable_random("bse bar", seed, scrip.code, day)
    close = closing_price(seed, scrip, day)
    opening = _price(float(close) * rng.uniform(0.98, 1.02))
    high = _price(float(max(opening, close)) * rng.uniform(1.0, 1.015))
    low = _price(float(min(opening, close)) * rng.uniform(0.985, 1.0))
    volume = int(10 ** rng.uniform(1.0, 6.0))
    return SeriesPoint(day.isoformat(), published_at, opening, high, low, close, volume)


def closing_price(seed: int, scrip: Scrip, day: date) -> Decimal:
    """The scrip's close of the day in rupees, with two decimals."""
    level = 10 ** (1 + 2.5 * stable_share("bse level", seed, scrip.code))
    phase = math.tau * stable_share("bse phase", seed, scrip.code)
    noise = 0.02 * stable_share("bse noise", seed, scrip.code, day)
    return _price(level * math.exp(0.2 * math.sin(phase + day.toordinal() / 90) + noise))


def _price(value: float) -> Decimal:
    return max(_PAISA, Decimal(value).quantize(_PAISA))
