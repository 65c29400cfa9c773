"""Intraday bars drawn from a real daily bar, which they add up to exactly.

Minutes are drawn once and wider bars are sums of minutes, so that the 5-minute and the 60-minute bars of a
session agree. Only the regular session is drawn: minutes outside it are absent.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from random import Random
from typing import NamedTuple

from flows.simulator.market.random_seeds import stable_random
from flows.simulator.market.real_prices import DailyBar
from flows.simulator.market.sessions import local_opening, session_minutes

_CENT_EXPONENT = -2
_REACH = 0.6  # how much of the day's range the path swings through before it is clipped
_WICK_SHARE = 40  # a minute's wick is at most a fortieth of the day's range
_EDGE_WEIGHT = 3.0  # volume at the open and the close, over that of midday


class IntradayBar(NamedTuple):
    """One bar; `start` and `end` are naive New York time, prices US dollars, volume shares."""

    start: datetime
    end: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


class _Minute(NamedTuple):
    open: int
    high: int
    low: int
    close: int
    volume: int


def session_bars(seed: int, symbol: str, daily: DailyBar, minutes: int) -> tuple[IntradayBar, ...]:
    """The bars of `minutes` each of one regular session, oldest first.

    First open, highest high, lowest low, last close and summed volume equal those of the daily bar, and
    each bar has low <= open, close <= high. A daily bar that breaks this order is drawn inside the hull of
    its four prices: open, close and volume still agree, and high or low is the hull's. The last bar is
    shorter where `minutes` does not divide the session (60min: six hours and a half hour).
    """
    exponent = min(_CENT_EXPONENT, *(_exponent(price) for price in daily[1:5]))
    rng = stable_random("bridge", seed, symbol, daily.trade_dt.isoformat())
    drawn = _minutes(rng, daily, exponent)
    opening = local_opening(daily.trade_dt)
    return tuple(
        _bar(opening + timedelta(minutes=first), drawn[first : first + minutes], exponent)
        for first in range(0, len(drawn), minutes)
    )


def _minutes(rng: Random, daily: DailyBar, exponent: int) -> list[_Minute]:
    opening, high, low, close = (int(price.scaleb(-exponent)) for price in daily[1:5])
    high, low = max(opening, high, low, close), min(opening, high, low, close)
    count = session_minutes(daily.trade_dt)
    path = _path(rng, (opening, close), (low, high), count)
    bodies = list(pairwise(path))
    # The day's extremes go to the minutes that come nearest to them.
    highest = max(range(count), key=lambda i: max(bodies[i]))
    lowest = min(range(count), key=lambda i: min(bodies[i]))
    wick = (high - low) // _WICK_SHARE + 1
    return [
        _Minute(
            open=start,
            high=high if i == highest else min(high, max(start, end) + rng.randrange(wick)),
            low=low if i == lowest else max(low, min(start, end) - rng.randrange(wick)),
            close=end,
            volume=volume,
        )
        for i, ((start, end), volume) in enumerate(
            zip(bodies, _volumes(rng, daily.volume, count), strict=True)
        )
    ]


def _path(rng: Random, ends: tuple[int, int], hull: tuple[int, int], count: int) -> list[int]:
    """A Brownian bridge of `count` steps in ticks, clipped to the hull."""
    (opening, close), (low, high) = ends, hull
    walk = list(accumulate((rng.gauss(0.0, 1.0) for _ in range(count)), initial=0.0))
    bridge = [level - walk[-1] * i / count for i, level in enumerate(walk)]
    reach = _REACH * (high - low) / max(map(abs, bridge))
    line = (opening + (close - opening) * i / count for i in range(count + 1))
    path = [
        min(high, max(low, round(level + reach * swing))) for level, swing in zip(line, bridge, strict=True)
    ]
    return [opening, *path[1:-1], close]


def _volumes(rng: Random, total: int, count: int) -> list[int]:
    """Whole shares a minute, many at both ends of the session, which sum to `total`."""
    middle = (count - 1) / 2
    weights = [
        1 + int(1000 * (1 + _EDGE_WEIGHT * ((i - middle) / middle) ** 2) * rng.uniform(0.4, 1.6))
        for i in range(count)
    ]
    whole = sum(weights)
    marks = [total * so_far // whole for so_far in accumulate(weights, initial=0)]
    return [after - before for before, after in pairwise(marks)]


def _bar(start: datetime, drawn: Sequence[_Minute], exponent: int) -> IntradayBar:
    return IntradayBar(
        start=start,
        end=start + timedelta(minutes=len(drawn)),
        open=Decimal(drawn[0].open).scaleb(exponent),
        high=Decimal(max(minute.high for minute in drawn)).scaleb(exponent),
        low=Decimal(min(minute.low for minute in drawn)).scaleb(exponent),
        close=Decimal(drawn[-1].close).scaleb(exponent),
        volume=sum(minute.volume for minute in drawn),
    )


def _exponent(price: Decimal) -> int:
    exponent = price.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"A price must be a finite number; found {price}.")
    return exponent
