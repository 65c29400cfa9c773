"""CoinGecko's bodies read in plain Python (the standard library only: engines run it in their workers)."""

import json
import math
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise

RawRow = tuple[str | None, ...]

# end_text: when a candle ends, in ms; null for a price.
BAR_COLUMNS = (
    *("interval", "position", "timestamp_text", "end_text"),
    *("open_text", "high_text", "low_text", "close_text"),
)
COIN_COLUMNS = ("position", "symbol_text", "name_text", "currency_text", "market_cap_text")

_MINUTE_MS = 60_000
# The granularities that CoinGecko documents, in minutes.
_CHART = {"5min": 5, "60min": 60, "1day": 1440}
_OHLC = {"30min": 30, "60min": 60, "4hour": 240, "1day": 1440, "4day": 5760}
_CANDLE_ROW = 5
# A chart ends with the price of the moment, wherever that falls: two points say nothing of the spacing.
_MIN_CHART_STAMPS = 3
_MIN_OHLC_STAMPS = 2
_MAX_NUMBER_LENGTH = 60


def coin_bar_rows(body: bytes, symbol: str, interval: str | None) -> Sequence[RawRow]:  # noqa: ARG001 - a PayloadParser
    """The rows of a chart or of candles with BAR_COLUMNS, in the order received; a row of nulls if none.

    `interval` is the one asked for: it holds where there are too few rows to tell their spacing.
    """
    document = _document(body)
    if isinstance(document, dict) and isinstance(document.get("prices"), list) and document["prices"]:
        return _chart_rows(document["prices"], interval)
    if isinstance(document, list) and document:
        return _candle_rows(document, interval)
    return [(interval, "/", *[None] * (len(BAR_COLUMNS) - 2))]


def coin_rows(body: bytes, symbol: str, interval: str | None) -> Sequence[RawRow]:  # noqa: ARG001 - a PayloadParser
    """The coins of a list of markets with COIN_COLUMNS; a row of nulls if there is none.

    The body has neither the currency nor the watch list's symbol: both come from the payload's symbol. The
    only coin of an answer is the one asked for by id, whatever its ticker; several are told by tickers.
    """
    document = _document(body)
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
    name, value = coin.get("name"), _text(coin.get("market_cap"))
    return (symbol, name if isinstance(name, str) else None, currency, value)


def _document(body: bytes) -> object:
    try:
        # numbers keep their text; NaN and Infinity, which Python would take, stay words
        return json.loads(body, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _chart_rows(points: list[object], asked: str | None) -> list[RawRow]:
    cells = [_cells(point, 2) for point in points]
    interval = _spacing(cells, _CHART, _MIN_CHART_STAMPS) or asked
    return [
        (interval, f"/prices/{number}", at, None, price, price, price, price)
        for number, (at, price) in enumerate(cells)
    ]


def _candle_rows(candles: list[object], asked: str | None) -> list[RawRow]:
    cells = [_cells(candle, _CANDLE_ROW) for candle in candles]
    interval = _spacing(cells, _OHLC, _MIN_OHLC_STAMPS) or asked
    minutes = _OHLC.get(interval or "")
    return [
        (interval, f"/{number}", _start(end, minutes), end, *prices)
        for number, (end, *prices) in enumerate(cells)
    ]


def _start(end: str | None, minutes: int | None) -> str | None:
    """When a candle begins; a text that is no time stays, without a length there is no beginning."""
    if minutes is None or end is None or not _is_stamp(end):
        return None if minutes is None else end
    return str(int(end) - minutes * _MINUTE_MS)


def _spacing(cells: list[RawRow], known: dict[str, int], fewest: int) -> str | None:
    """The known granularity nearest to the median distance of the stamps, whatever their order.

    Prices come some seconds early or late, and gaps happen: the median bears both.
    """
    stamps = sorted({int(at) for at, *_ in cells if at is not None and _is_stamp(at)})
    if len(stamps) < fewest:
        return None
    distances = sorted(later - earlier for earlier, later in pairwise(stamps))
    median = distances[(len(distances) - 1) // 2] / _MINUTE_MS
    return min(known, key=lambda name: abs(math.log(median / known[name])))


def _is_stamp(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 19  # noqa: PLR2004 - a long's digits


def _cells(row: object, count: int) -> RawRow:
    """The first cells of a row; nulls where it is shorter, or no row at all."""
    found = row if isinstance(row, list) else []
    return tuple(_text(cell) for cell in [*found, *[None] * count][:count])


def _text(cell: object) -> str | None:
    """A number without an exponent, as plain text; anything else as it came."""
    if cell is None:
        return None
    text = cell if isinstance(cell, str) else json.dumps(cell)
    return _plain(text) if "e" in text.lower() else text


def _plain(text: str) -> str:
    """1.2e-05 as 0.000012; a text that is no number, or one too long to write out, as it is."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    is_short = (
        number.is_finite() and abs(number.adjusted()) + len(number.as_tuple().digits) < _MAX_NUMBER_LENGTH
    )
    return format(number, "f") if is_short else text
