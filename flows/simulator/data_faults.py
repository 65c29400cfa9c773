"""Faults in the data: each takes bars, newest first, and gives them back disturbed."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from flows.simulator.alphavantage.rendering import Point
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.market.random_seeds import stable_random, stable_share

_VOLUME_STEP = 100  # a correction adds a hundredth of the volume


def drop_late(points: Sequence[Point], faults: Iterable[Fault], now: datetime) -> Sequence[Point]:
    """Without the newest bars that are still under way: published, but not long enough ago."""
    for fault in _of(FaultKind.LATE_BARS, faults):
        arrived_by = now - timedelta(seconds=fault.seconds)
        newest = [point for point in points[: fault.bars] if point.published_at <= arrived_by]
        points = [*newest, *points[fault.bars :]]
    return points


def correct(points: Sequence[Point], faults: Iterable[Fault], symbol: str, now: datetime) -> Sequence[Point]:
    """With the chosen bars corrected, once the corrections are known.

    A corrected close is mirrored in the bar's range, so that a sane bar stays sane, and the volume grows by
    a hundredth. The choice depends on seed, symbol and bar alone: what is corrected stays corrected.
    """
    for fault in _of(FaultKind.CORRECTIONS, faults):
        if fault.at is None or fault.at <= now:
            points = [_corrected(point) if _is_chosen(point, fault, symbol) else point for point in points]
    return points


def disarrange(points: Sequence[Point], faults: Iterable[Fault], symbol: str) -> Sequence[Point]:
    """With bars repeated or in another order; the values are those received."""
    faults = tuple(faults)
    for fault in _of(FaultKind.DUPLICATES, faults):
        points = [copy for i, point in enumerate(points) for copy in [point] * (1 + (i < fault.bars))]
    for fault in _of(FaultKind.DISORDER, faults):
        points = stable_random("disorder", fault.seed, symbol).sample(points, k=len(points))
    return points


def _of(kind: FaultKind, faults: Iterable[Fault]) -> list[Fault]:
    return [fault for fault in faults if fault.kind is kind]


def _is_chosen(point: Point, fault: Fault, symbol: str) -> bool:
    if fault.keys and point.key not in fault.keys:
        return False
    return stable_share("correction", fault.seed, symbol, point.key) < fault.rate


def _corrected(point: Point) -> Point:
    volume = None if point.volume is None else point.volume + max(1, point.volume // _VOLUME_STEP)
    return point._replace(close=point.low + point.high - point.close, volume=volume)
