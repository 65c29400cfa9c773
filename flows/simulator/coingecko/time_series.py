"""A coin's points and candles, spaced as CoinGecko does: the longer the range, the coarser."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from flows.simulator.market.random_seeds import stable_int
from flows.simulator.market.series_point import SeriesPoint

PriceAt = Callable[[int], float]  # the price at an instant in milliseconds

_MINUTE_MS: Final = 60_000
DAY_MS: Final = 1440 * _MINUTE_MS
_FIVE_MINUTES_MS, _HOUR_MS = 5 * _MINUTE_MS, 60 * _MINUTE_MS
_MAX_HOURLY_DAYS: Final = 90
_MAX_OFFSET_SECONDS: Final = 45  # real chart points lie up to this long after the full five minutes
_SAMPLES: Final = 24  # prices per candle
# The highest number of days, and the length in minutes of its candles; beyond, a candle has four days.
_CANDLE_MINUTES: Final = ((2, 30), (30, 240))
_MAX_CANDLE_MINUTES: Final = 5760
_CORRECTION: Final = Decimal("1.002")


def chart_step_ms(first_ms: int, last_ms: int, now_ms: int) -> int:
    """The distance between points: 5 minutes within the last 24 hours, an hour up to 90 days, else a day."""
    days = (last_ms - first_ms) / DAY_MS
    if days <= 1 and now_ms - first_ms <= DAY_MS:
        return _FIVE_MINUTES_MS
    return _HOUR_MS if days <= _MAX_HOURLY_DAYS else DAY_MS


def chart_points(price_at: PriceAt, first_ms: int, last_ms: int, step_ms: int) -> list[SeriesPoint]:
    """The prices of the range, newest first; the newest is that of `last_ms`, cut to the second.

    Daily points fall on midnight UTC, others some seconds after the full five minutes or hour; a point has
    the same instant in every call. A correction raises the price of a point by 0.2 %.
    """
    steps = range(-(-first_ms // step_ms), last_ms // step_ms + 1)
    stamps = [number * step_ms + _offset_ms(number, step_ms) for number in steps]
    in_range = [stamp for stamp in stamps if stamp <= last_ms]
    if last_ms >= first_ms:
        in_range.append(last_ms // 1000 * 1000)
    return [_point(stamp, price_at(stamp)) for stamp in reversed(in_range)]


def candles(price_at: PriceAt, days: int, now_ms: int) -> list[SeriesPoint]:
    """The candles that had ended by `now_ms`, newest first, each identified by its end."""
    minutes = next((length for max_days, length in _CANDLE_MINUTES if days <= max_days), _MAX_CANDLE_MINUTES)
    step_ms = minutes * _MINUTE_MS
    first, last = -(-(now_ms - days * DAY_MS) // step_ms) + 1, now_ms // step_ms
    return [_candle(price_at, number * step_ms, step_ms) for number in range(last, first - 1, -1)]


def _offset_ms(number: int, step_ms: int) -> int:
    return 0 if step_ms == DAY_MS else stable_int("stamp", step_ms, number) % (_MAX_OFFSET_SECONDS * 1000)


def _point(at_ms: int, price: float) -> SeriesPoint:
    close = Decimal(repr(price))
    # A correction mirrors the close within high and low: this range makes the corrected close 0.2 % higher.
    return SeriesPoint(str(at_ms), _instant(at_ms), close, close * _CORRECTION, close, close, None)


def _candle(price_at: PriceAt, end_ms: int, step_ms: int) -> SeriesPoint:
    prices = [
        Decimal(repr(price_at(end_ms - step_ms + step_ms * sample // _SAMPLES)))
        for sample in range(_SAMPLES + 1)
    ]
    return SeriesPoint(str(end_ms), _instant(end_ms), prices[0], max(prices), min(prices), prices[-1], None)


def _instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
