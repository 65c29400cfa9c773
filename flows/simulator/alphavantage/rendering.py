"""A time series as Alpha Vantage writes it, in JSON and in CSV."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from flows.simulator.market.real_prices import price_text

_PRICES = ("open", "high", "low", "close")


class Point(NamedTuple):
    """One bar on its way out: its key is a naive local date or time, `published_at` an instant."""

    key: str
    published_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int | None  # exchange rates have none


@dataclass(frozen=True)
class Series:
    """The bars of one answer, newest first, under their title and Meta Data (names without numbers)."""

    meta: tuple[tuple[str, str], ...]
    title: str
    points: Sequence[Point]


def render_json(series: Series) -> bytes:
    """The body: four spaces of indent, keys numbered, a bar that is there twice written twice."""
    meta = ",\n".join(
        f'        "{number}. {name}": "{value}"' for number, (name, value) in enumerate(series.meta, start=1)
    )
    bars = ",\n".join(_json_bar(point) for point in series.points)
    return (
        f'{{\n    "Meta Data": {{\n{meta}\n    }},\n    "{series.title}": {{\n{bars}\n    }}\n}}'
    ).encode()


def render_csv(series: Series) -> bytes:
    """The body of datatype=csv: a header and a line a bar."""
    has_volume = any(point.volume is not None for point in series.points)
    header = ("timestamp", *_PRICES, *(("volume",) if has_volume else ()))
    lines = (",".join((point.key, *_values(point))) for point in series.points)
    return ("\n".join((",".join(header), *lines)) + "\n").encode()


def _json_bar(point: Point) -> str:
    values = _values(point)
    return _TEMPLATES[len(values)] % (point.key, *values)


def _bar_template(names: Sequence[str]) -> str:
    values = ",\n".join(f'            "{number}. {name}": "%s"' for number, name in enumerate(names, start=1))
    return f'        "%s": {{\n{values}\n        }}'


def _values(point: Point) -> tuple[str, ...]:
    prices = tuple(price_text(price) for price in point[2:6])
    return prices if point.volume is None else (*prices, str(point.volume))


# By the number of values in a bar: templates, because a history is written in one go many times a second.
_TEMPLATES = {len(names): _bar_template(names) for names in (_PRICES, (*_PRICES, "volume"))}
