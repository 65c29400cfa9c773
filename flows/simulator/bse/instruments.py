"""The scrips that the simulated Bombay exchange lists, and the bars drawn for them by seed."""

import math
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from flows.simulator.alphavantage.rendering import Point
from flows.simulator.market.random_seeds import stable_random, stable_share

# So many that one unreadable line is less than a hundredth of a file.
_COUNT: Final = 120
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
    for number in range(_COUNT)
)


def draw_bar(seed: int, scrip: Scrip, day: date, published_at: datetime) -> Point:
    """The scrip's bar of the day: the same in every process, sane, moving slowly from day to day."""
    chance = stable_random("bse bar", seed, scrip.code, day)
    close = close_of(seed, scrip, day)
    opening = _price(float(close) * chance.uniform(0.98, 1.02))
    high = _price(float(max(opening, close)) * chance.uniform(1.0, 1.015))
    low = _price(float(min(opening, close)) * chance.uniform(0.985, 1.0))
    volume = int(10 ** chance.uniform(1.0, 6.0))
    return Point(day.isoformat(), published_at, opening, high, low, close, volume)


def close_of(seed: int, scrip: Scrip, day: date) -> Decimal:
    """The scrip's close of the day, in rupees and paisa."""
    level = 10 ** (1 + 2.5 * stable_share("bse level", seed, scrip.code))
    phase = math.tau * stable_share("bse phase", seed, scrip.code)
    noise = 0.02 * stable_share("bse noise", seed, scrip.code, day)
    return _price(level * math.exp(0.2 * math.sin(phase + day.toordinal() / 90) + noise))


def _price(value: float) -> Decimal:
    return max(_PAISA, Decimal(value).quantize(_PAISA))
