"""A coin's points and candles as CoinGecko spaces them: the further a call reaches, the coarser."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from flows.simulator.alphavantage.rendering import Point
from flows.simulator.market.random_seeds import stable_int

Price = Callable[[int], float]  # of an instant in milliseconds

_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 1440 * _MINUTE_MS
_FINE_MS, _HOURLY_MS = 5 * _MINUTE_MS, 60 * _MINUTE_MS
_HOURLY_DAYS: Final = 90
_LATEST_SECONDS: Final = 45  # points of real charts come so much after the full five minutes
_SAMPLES: Final = 24  # prices a candle is made of
# A candle's length in minutes by the days asked for; more days: four days.
_CANDLES: Final = ((2, 30), (30, 240))
_LONG_CANDLE: Final = 5760
_CORRECTION: Final = Decimal("1.002")


def chart_step_ms(first_ms: int, last_ms: int, now_ms: int) -> int:
    """The distance of points: five minutes for the last 24 hours, an hour up to 90 days, else a day."""
    days = (last_ms - first_ms) / _DAY_MS
    if days <= 1 and now_ms - first_ms <= _DAY_MS:
        return _FINE_MS
    return _HOURLY_MS if days <= _HOURLY_DAYS else _DAY_MS


def chart_points(price: Price, first_ms: int, last_ms: int, step_ms: int) -> list[Point]:
    """The prices of the span, newest first; the newest is that of `last_ms`, cut to the second.

    Daily points fall on midnight UTC, others some seconds after the full five minutes or hour; a point
    has the same instant on every call. Where a point is corrected, its price rises by 0.2 %.
    """
    steps = range(-(-first_ms // step_ms), last_ms // step_ms + 1)
    stamps = [number * step_ms + _lateness_ms(number, step_ms) for number in steps]
    kept = [stamp for stamp in stamps if stamp <= last_ms]
    if last_ms >= first_ms:
        kept.append(last_ms // 1000 * 1000)
    return [_point(stamp, price(stamp)) for stamp in reversed(kept)]


def candles(price: Price, days: int, now_ms: int) -> list[Point]:
    """The candles that had ended by `now_ms`, newest first, each named by its end."""
    minutes = next((minutes for most, minutes in _CANDLES if days <= most), _LONG_CANDLE)
    step_ms = minutes * _MINUTE_MS
    first, last = -(-(now_ms - days * _DAY_MS) // step_ms) + 1, now_ms // step_ms
    return [_candle(price, number * step_ms, step_ms) for number in range(last, first - 1, -1)]


def _lateness_ms(number: int, step_ms: int) -> int:
    return 0 if step_ms == _DAY_MS else stable_int("stamp", step_ms, number) % (_LATEST_SECONDS * 1000)


def _point(at_ms: int, price: float) -> Point:
    written = Decimal(repr(price))
    return Point(str(at_ms), _instant(at_ms), written, written * _CORRECTION, written, written, None)


def _candle(price: Price, end_ms: int, step_ms: int) -> Point:
    prices = [
        Decimal(repr(price(end_ms - step_ms + step_ms * sample // _SAMPLES)))
        for sample in range(_SAMPLES + 1)
    ]
    return Point(str(end_ms), _instant(end_ms), prices[0], max(prices), min(prices), prices[-1], None)


def _instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
