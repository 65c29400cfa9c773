"""Writes a time series as Alpha Vantage does, in JSON and in CSV."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from flows.simulator.market.series_point import SeriesPoint

_PRICES = ("open", "high", "low", "close")
_PRICE_DECIMALS = 4


@dataclass(frozen=True)
class AlphaVantageSeries:
    """The bars of one response, newest first, with their title and Meta Data (names without numbers)."""

    meta: tuple[tuple[str, str], ...]
    title: str
    points: Sequence[SeriesPoint]


def render_json(series: AlphaVantageSeries) -> bytes:
    """The JSON body: indented by four spaces, keys numbered, a repeated bar written twice."""
    meta = ",\n".join(
        f'        "{number}. {name}": "{value}"' for number, (name, value) in enumerate(series.meta, start=1)
    )
    bars = ",\n".join(_json_bar(point) for point in series.points)
    return (
        f'{{\n    "Meta Data": {{\n{meta}\n    }},\n    "{series.title}": {{\n{bars}\n    }}\n}}'
    ).encode()


def render_csv(series: AlphaVantageSeries) -> bytes:
    """The body of datatype=csv: a header and one line per bar."""
    has_volume = any(point.volume is not None for point in series.points)
    header = ("timestamp", *_PRICES, *(("volume",) if has_volume else ()))
    lines = (",".join((point.key, *_values(point))) for point in series.points)
    return ("\n".join((",".join(header), *lines)) + "\n").encode()


def price_text(price: Decimal) -> str:
    """The price as Alpha Vantage writes it: with four decimals, or with all of them if it has more."""
    whole, _, fraction = f"{price:f}".partition(".")
    return f"{whole}.{fraction.ljust(_PRICE_DECIMALS, '0')}"


def _json_bar(point: SeriesPoint) -> str:
    values = _values(point)
    return _TEMPLATES[len(values)] % (point.key, *values)


def _bar_template(names: Sequence[str]) -> str:
    values = ",\n".join(f'            "{number}. {name}": "%s"' for number, name in enumerate(names, start=1))
    return f'        "%s": {{\n{values}\n        }}'


def _values(point: SeriesPoint) -> tuple[str, ...]:
    prices = tuple(price_text(price) for price in point[2:6])
    return prices if point.volume is None else (*prices, str(point.volume))


# By the number of values in a bar. Templates are fast: whole histories are rendered many times a second.
_TEMPLATES = {len(names): _bar_template(names) for names in (_PRICES, (*_PRICES, "volume"))}
