"""Data faults: each function takes the points of a series, newest first, and returns them with its faults."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from flows.simulator.faults import Fault, FaultKind, faults_of_kind
from flows.simulator.market.random_seeds import stable_random, stable_share
from flows.simulator.market.series_point import SeriesPoint

_VOLUME_STEP = 100  # a correction adds a hundredth of the volume


def drop_late_points(
    points: Sequence[SeriesPoint], faults: Iterable[Fault], now: datetime
) -> Sequence[SeriesPoint]:
    """The points without the newest `bars` that were published less than `seconds` ago."""
    for fault in faults_of_kind(FaultKind.LATE_BARS, faults):
        cutoff = now - timedelta(seconds=fault.seconds)
        newest = [point for point in points[: fault.bars] if point.published_at <= cutoff]
        points = [*newest, *points[fault.bars :]]
    return points


def correct_points(
    points: Sequence[SeriesPoint], faults: Iterable[Fault], symbol: str, now: datetime
) -> Sequence[SeriesPoint]:
    """The points with the selected ones corrected, from the instant at which a correction is known.

    A corrected close is mirrored within the bar's range, so that a valid bar stays valid, and the volume
    grows by a hundredth. The selection depends only on seed, symbol and key: a corrected bar stays corrected.
    """
    for fault in faults_of_kind(FaultKind.CORRECTIONS, faults):
        if fault.at is None or fault.at <= now:
            points = [_corrected(point) if _is_selected(point, fault, symbol) else point for point in points]
    return points


def repeat_and_shuffle(
    points: Sequence[SeriesPoint], faults: Iterable[Fault], symbol: str
) -> Sequence[SeriesPoint]:
    """The points with the newest ones repeated, or all of them shuffled; no value changes."""
    faults = tuple(faults)
    for fault in faults_of_kind(FaultKind.DUPLICATES, faults):
        points = [copy for i, point in enumerate(points) for copy in [point] * (1 + (i < fault.bars))]
    for fault in faults_of_kind(FaultKind.DISORDER, faults):
        points = stable_random("disorder", fault.seed, symbol).sample(points, k=len(points))
    return points


def _is_selected(point: SeriesPoint, fault: Fault, symbol: str) -> bool:
    if fault.keys and point.key not in fault.keys:
        return False
    return stable_share("correction", fault.seed, symbol, point.key) < fault.rate


def _corrected(point: SeriesPoint) -> SeriesPoint:
    volume = None if point.volume is None else point.volume + max(1, point.volume // _VOLUME_STEP)
    return point._replace(close=point.low + point.high - point.close, volume=volume)
