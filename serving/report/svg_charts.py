"""Price charts as SVG geometry: numbers in, paths and axis ticks out; pure functions."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH, HEIGHT = 420, 190
PLOT_RIGHT, PRICE_TOP, PRICE_BOTTOM, VOLUME_TOP, VOLUME_BOTTOM = 374, 6, 128, 136, 168
_MIN_POINTS = 2
_TICK_GAP, _LETTER_WIDTH = 12, 6.5


@dataclass(frozen=True)
class ChartPoint:
    """One point of a chart; `tick` is its label on the axis, or empty."""

    label: str
    tick: str
    close: float
    average: float | None
    volume: float | None


@dataclass(frozen=True)
class AxisTick:
    """A label and its position on an axis, in SVG units."""

    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    """The chart as the template draws it; `points` is JSON for the readout: label, close, average, volume."""

    title: str
    description: str
    summary: str
    close_path: str
    area_path: str
    average_path: str
    volume_path: str
    volume_width: float
    x_ticks: tuple[AxisTick, ...]
    y_ticks: tuple[AxisTick, ...]
    points: str


def price_chart(title: str, points: Sequence[ChartPoint]) -> Chart | None:
    """The chart of the points, evenly spaced; None for fewer than two points, which are not a line."""
    if len(points) < _MIN_POINTS:
        return None
    xs = [round(PLOT_RIGHT * (index + 0.5) / len(points), 1) for index in range(len(points))]
    prices = [value for point in points for value in (point.close, point.average) if value is not None]
    low, high = _padded(min(prices), max(prices))
    close = [(x, _y(point.close, low, high)) for x, point in zip(xs, points, strict=True)]
    average = [
        (x, None if point.average is None else _y(point.average, low, high))
        for x, point in zip(xs, points, strict=True)
    ]
    line = _path(close)
    return Chart(
        title=title,
        description=f"{len(points)} closes; {_summary(points)}; last {price_text(points[-1].close)}",
        summary=_summary(points),
        close_path=line,
        area_path=f"{line}V{PRICE_BOTTOM}H{xs[0]}Z",
        average_path=_path(average),
        volume_path=_volume_path(xs, points),
        volume_width=round(max(0.6, PLOT_RIGHT / len(points) * 0.62), 2),
        x_ticks=_x_ticks(xs, points),
        y_ticks=tuple(AxisTick(_y(value, low, high), _price(value)) for value in nice_ticks(low, high)),
        points=json.dumps(_readout(points), separators=(",", ":")),
    )


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between `low` and `high`: steps of 1, 2, 2.5 or 5 times a power of ten."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step)
    return [round(index * step, 10) for index in range(first, math.floor(high / step) + 1)]


def price_text(value: float) -> str:
    """A price with two decimals; below 10, as exchange rates are, with four."""
    return f"{value:,.2f}" if abs(value) >= 10 else f"{value:.4f}"  # noqa: PLR2004 - see above


def short_number(value: float) -> str:
    """A quantity in about four characters: 12.3M, 940k."""
    for limit, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{suffix}"
    return f"{value:.3g}"


def _padded(low: float, high: float) -> tuple[float, float]:
    margin = (high - low) * 0.06 or abs(high) * 0.01 or 1.0
    return low - margin, high + margin


def _y(value: float, low: float, high: float) -> float:
    return round(PRICE_BOTTOM - (value - low) / (high - low) * (PRICE_BOTTOM - PRICE_TOP), 1)


def _path(points: Sequence[tuple[float, float | None]]) -> str:
    """A line through the points; a point without a height interrupts it."""
    parts, is_down = [], False
    for x, y in points:
        if y is not None:
            parts.append(f"{'L' if is_down else 'M'}{x:g} {y:g}")
        is_down = y is not None
    return "".join(parts)


def _volume_path(xs: Sequence[float], points: Sequence[ChartPoint]) -> str:
    highest = max((point.volume or 0.0 for point in points), default=0.0)
    if not highest:
        return ""
    heights = [(point.volume or 0.0) / highest * (VOLUME_BOTTOM - VOLUME_TOP) for point in points]
    return "".join(
        f"M{x:g} {VOLUME_BOTTOM:g}v-{height:.1f}" for x, height in zip(xs, heights, strict=True) if height
    )


def _x_ticks(xs: Sequence[float], points: Sequence[ChartPoint]) -> tuple[AxisTick, ...]:
    """Every n-th tick counted from the newest, with the smallest n for which the labels do not touch."""
    ticks = [AxisTick(x, point.tick) for x, point in zip(xs, points, strict=True) if point.tick]
    ticks = [tick for tick in ticks if _end(tick) <= WIDTH]
    thinned = (tuple(ticks[::-1][::step][::-1]) for step in range(1, len(ticks) + 1))
    return next((chosen for chosen in thinned if _are_apart(chosen)), ())


def _are_apart(ticks: Sequence[AxisTick]) -> bool:
    return all(_end(left) + _TICK_GAP <= right.at for left, right in pairwise(ticks))


def _end(tick: AxisTick) -> float:
    return tick.at + len(tick.text) * _LETTER_WIDTH


def _price(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004 - four digits


def _readout(points: Sequence[ChartPoint]) -> list[list[str]]:
    return [
        [
            point.label,
            price_text(point.close),
            "" if point.average is None else price_text(point.average),
            "" if point.volume is None else short_number(point.volume),
        ]
        for point in points
    ]


def _summary(points: Sequence[ChartPoint]) -> str:
    closes = [point.close for point in points]
    span = f"{points[0].label} to {points[-1].label}"
    return f"{span}, low {price_text(min(closes))}, high {price_text(max(closes))}"
