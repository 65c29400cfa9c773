"""Intraday bars generated from a real daily bar; they add up to it exactly.

Minutes are generated first and longer bars are built from them, so that the 5-minute and the 60-minute bars
of a session agree. There are no bars outside the regular session.
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
_REACH = 0.6  # the share of the day's range that the path covers before it is clipped
_WICK_SHARE = 40  # a minute's wick is at most a fortieth of the day's range
_EDGE_WEIGHT = 3.0  # additional volume at the open and the close, relative to midday


class IntradayBar(NamedTuple):
    """One bar; `start` and `end` are naive New York time, prices in US dollars, volume in shares."""

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
    """The bars of one regular session, each of `minutes` length, oldest first.

    First open, highest high, lowest low, last close and total volume equal those of the daily bar, and each
    bar has low <= open, close <= high. If the daily bar breaks this order, the bars stay between the lowest
    and the highest of its four prices: open, close and volume still agree. The last bar is shorter if
    `minutes` does not divide the session (60min: six hours and a half hour).
    """
    exponent = min(_CENT_EXPONENT, *(_exponent(price) for price in daily[1:5]))
    rng = stable_random("bridge", seed, symbol, daily.trade_dt.isoformat())
    minute_bars = _minutes(rng, daily, exponent)
    opening = local_opening(daily.trade_dt)
    return tuple(
        _bar(opening + timedelta(minutes=first), minute_bars[first : first + minutes], exponent)
        for first in range(0, len(minute_bars), minutes)
    )


def _minutes(rng: Random, daily: DailyBar, exponent: int) -> list[_Minute]:
    opening, high, low, close = (int(price.scaleb(-exponent)) for price in daily[1:5])
    high, low = max(opening, high, low, close), min(opening, high, low, close)
    count = session_minutes(daily.trade_dt)
    path = _path(rng, (opening, close), (low, high), count)
    bodies = list(pairwise(path))
    # The minutes that come closest to the day's extremes get them.
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
    """Whole shares per minute that sum to `total`, with more at both ends of the session."""
    middle = (count - 1) / 2
    weights = [
        1 + int(1000 * (1 + _EDGE_WEIGHT * ((i - middle) / middle) ** 2) * rng.uniform(0.4, 1.6))
        for i in range(count)
    ]
    total_weight = sum(weights)
    cumulative = [total * weight // total_weight for weight in accumulate(weights, initial=0)]
    return [after - before for before, after in pairwise(cumulative)]


def _bar(start: datetime, minutes: Sequence[_Minute], exponent: int) -> IntradayBar:
    return IntradayBar(
        start=start,
        end=start + timedelta(minutes=len(minutes)),
        open=Decimal(minutes[0].open).scaleb(exponent),
        high=Decimal(max(minute.high for minute in minutes)).scaleb(exponent),
        low=Decimal(min(minute.low for minute in minutes)).scaleb(exponent),
        close=Decimal(minutes[-1].close).scaleb(exponent),
        volume=sum(minute.volume for minute in minutes),
    )


def _exponent(price: Decimal) -> int:
    exponent = price.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"A price must be a finite number; found {price}.")
    return exponent
