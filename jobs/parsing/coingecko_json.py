"""CoinGecko's bodies as raw rows, in plain Python.

Imports the standard library and json_values only, because the engines run it in their workers.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from jobs.parsing.json_values import RawRow, json_document, number_text

# end_text: end of a candle, in ms; null for a price.
BAR_COLUMNS = (
    *("interval", "position", "timestamp_text", "end_text"),
    *("open_text", "high_text", "low_text", "close_text"),
)
COIN_COLUMNS = ("position", "symbol_text", "name_text", "currency_text", "market_cap_text")

_MINUTE_MS = 60_000
# The intervals that CoinGecko documents, in minutes.
_CHART = {"5min": 5, "60min": 60, "1day": 1440}
_OHLC = {"30min": 30, "60min": 60, "4hour": 240, "1day": 1440, "4day": 5760}
_CANDLE_ROW = 5
# A chart ends with the price of the moment, at any distance, so two points do not show the spacing.
_MIN_CHART_STAMPS = 3
_MIN_OHLC_STAMPS = 2


def coin_bar_rows(body: bytes, symbol: str, interval: str | None) -> Sequence[RawRow]:  # noqa: ARG001 - a BodyParser
    """The rows of a chart or of candles with BAR_COLUMNS, in the order received; a row of Nones if none.

    `interval` is the requested interval: it is used if there are too few rows to see their spacing.
    """
    document = json_document(body)
    if isinstance(document, dict) and isinstance(document.get("prices"), list) and document["prices"]:
        return _chart_rows(document["prices"], interval)
    if isinstance(document, list) and document:
        return _candle_rows(document, interval)
    return [(interval, "/", *[None] * (len(BAR_COLUMNS) - 2))]


def coin_rows(body: bytes, symbol: str, interval: str | None) -> Sequence[RawRow]:  # noqa: ARG001 - a BodyParser
    """The coins of a list of markets with COIN_COLUMNS; a row of Nones if there are none.

    The body has neither the currency nor the watch list's symbol: both come from the payload's symbol. The
    only coin of a response is the one requested by id, whatever its ticker; several coins are identified by
    ticker.
    """
    document = json_document(body)
    if not isinstance(document, list) or not document:
        return [("/", *[None] * (len(COIN_COLUMNS) - 1))]
    currency = symbol.rpartition("-")[2]
    symbols = [symbol] if len(document) == 1 else [_symbol(coin, currency) for coin in document]
    rows = zip(symbols, document, strict=True)
    return [(f"/{number}", *_facts(own, coin, currency)) for number, (own, coin) in enumerate(rows)]


def _symbol(coin: object, currency: str) -> str | None:
    ticker = coin.get("symbol") if isinstance(coin, dict) else None
    return f"{ticker.upper()}-{currency}" if isinstance(ticker, str) else None


def _facts(symbol: str | None, coin: object, currency: str) -> RawRow:
    if not isinstance(coin, dict):
        return (None,) * (len(COIN_COLUMNS) - 1)
    name, value = coin.get("name"), number_text(coin.get("market_cap"))
    return (symbol, name if isinstance(name, str) else None, currency, value)


def _chart_rows(points: list[object], requested: str | None) -> list[RawRow]:
    cells = [_cells(point, 2) for point in points]
    interval = _spacing(cells, _CHART, _MIN_CHART_STAMPS) or requested
    return [
        (interval, f"/prices/{number}", at, None, price, price, price, price)
        for number, (at, price) in enumerate(cells)
    ]


def _candle_rows(candles: list[object], requested: str | None) -> list[RawRow]:
    cells = [_cells(candle, _CANDLE_ROW) for candle in candles]
    interval = _spacing(cells, _OHLC, _MIN_OHLC_STAMPS) or requested
    minutes = _OHLC.get(interval or "")
    return [
        (interval, f"/{number}", _start(end, minutes), end, *prices)
        for number, (end, *prices) in enumerate(cells)
    ]


def _start(end: str | None, minutes: int | None) -> str | None:
    """The start of a candle in ms; `end` itself if it is no timestamp, None if the length is unknown."""
    if minutes is None or end is None or not _is_stamp(end):
        return None if minutes is None else end
    return str(int(end) - minutes * _MINUTE_MS)


def _spacing(cells: list[RawRow], intervals: dict[str, int], min_stamps: int) -> str | None:
    """The interval nearest to the median distance of the timestamps, whatever their order.

    Prices arrive some seconds early or late, and there are gaps: the median tolerates both.
    """
    stamps = sorted({int(at) for at, *_ in cells if at is not None and _is_stamp(at)})
    if len(stamps) < min_stamps:
        return None
    distances = sorted(later - earlier for earlier, later in pairwise(stamps))
    median = distances[(len(distances) - 1) // 2] / _MINUTE_MS
    return min(intervals, key=lambda name: abs(math.log(median / intervals[name])))


def _is_stamp(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 19  # noqa: PLR2004 - a long's digits


def _cells(row: object, count: int) -> RawRow:
    """The first `count` cells of a row, None where the row is shorter or not a list."""
    cells = row if isinstance(row, list) else []
    return tuple(number_text(cell) for cell in [*cells, *[None] * count][:count])
