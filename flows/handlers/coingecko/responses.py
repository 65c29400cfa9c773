"""Classifies CoinGecko's responses: refusals have three shapes, and may come with HTTP status 200."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from flows.handlers.errors import ErrorClass

# https://docs.coingecko.com/docs/errors-and-rate-limits ; 10012 (a call without a key for data more than a
# year old) is not documented but was observed. The rest are HTTP statuses repeated in the body.
_CLASS_OF_CODE: Final[Mapping[int, ErrorClass]] = {
    10002: ErrorClass.bad_credentials,
    10010: ErrorClass.bad_credentials,
    10011: ErrorClass.bad_credentials,
    10005: ErrorClass.not_entitled,
    10012: ErrorClass.not_entitled,
    400: ErrorClass.bad_symbol,
    401: ErrorClass.bad_credentials,
    403: ErrorClass.not_entitled,
    404: ErrorClass.bad_symbol,
    422: ErrorClass.bad_symbol,
    429: ErrorClass.too_fast,
    500: ErrorClass.unavailable,
    503: ErrorClass.unavailable,
}

# The first phrase that occurs decides: `invalid api key` must come before `invalid`.
_PHRASES: Final = (
    ("rate limit", ErrorClass.too_fast),
    ("throttled", ErrorClass.too_fast),
    ("internal server error", ErrorClass.unavailable),
    ("api key", ErrorClass.bad_credentials),
    ("coin not found", ErrorClass.bad_symbol),
    ("could not find coin", ErrorClass.bad_symbol),
    ("missing parameter", ErrorClass.bad_symbol),
    ("invalid", ErrorClass.bad_symbol),
)

_CHART_ROW: Final = 2  # instant, price
_CANDLE_ROW: Final = 5  # instant, open, high, low, close


def classify_response(
    body: bytes, content_type: str, dataset: str | None = None, coin_id: str | None = None
) -> ErrorClass | None:
    """None for data, otherwise the error class.

    `dataset` is the requested one; without it, data of any of the three is accepted. `coin_id` is the coin
    that `markets` must contain. A document of another kind and an unknown sentence are malformed.
    """
    if "html" in content_type.lower():
        return ErrorClass.malformed
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ErrorClass.malformed
    if isinstance(document, dict) and (refusal := _refusal(document)):
        return refusal
    return _classify_data(document, dataset, coin_id)


def _refusal(document: dict[str, object]) -> ErrorClass | None:
    """The error class of a refusal, None if the document is not a refusal.

    The code is in `status`, in `error.status`, or at the top level; without a code, the sentence decides.
    """
    if not document.keys() & {"status", "error", "error_code"}:
        return None
    error = document.get("error")
    inner = error.get("status") if isinstance(error, dict) else None
    parts = [part for part in (document, document.get("status"), inner) if isinstance(part, dict)]
    codes = [part.get(name) for part in parts for name in ("error_code", "status")]
    known = [_CLASS_OF_CODE[code] for code in codes if isinstance(code, int) and code in _CLASS_OF_CODE]
    return known[0] if known else _classify_sentence(json.dumps(document))


def _classify_sentence(sentence: str) -> ErrorClass:
    text = sentence.casefold()
    return next((error_class for phrase, error_class in _PHRASES if phrase in text), ErrorClass.malformed)


def _classify_data(document: object, dataset: str | None, coin_id: str | None) -> ErrorClass | None:
    rows = _rows(document, dataset)
    if rows is None:
        return ErrorClass.malformed
    if not rows:
        return ErrorClass.no_data
    if coin_id is None or dataset != "markets":
        return None
    has_coin = any(isinstance(row, dict) and row.get("id") == coin_id for row in rows)
    return None if has_coin else ErrorClass.malformed


def _rows(document: object, dataset: str | None) -> Sequence[object] | None:
    """The rows of the dataset (or of any of the three), None if the document is of another kind."""
    if document == []:
        return []  # the response to an unknown coin, for every dataset
    if isinstance(document, dict):
        prices = document.get("prices")
        is_chart = dataset in {None, "market_chart"} and _are_lists(prices, _CHART_ROW)
        return prices if is_chart and isinstance(prices, list) else None
    if not isinstance(document, list):
        return None
    is_ohlc = dataset in {None, "ohlc"} and _are_lists(document, _CANDLE_ROW)
    is_markets = dataset in {None, "markets"} and _are_coins(document)
    return document if is_ohlc or is_markets else None


def _are_lists(rows: object, length: int) -> bool:
    return isinstance(rows, list) and all(isinstance(row, list) and len(row) == length for row in rows)


def _are_coins(rows: list[object]) -> bool:
    return all(isinstance(row, dict) and {"id", "symbol", "current_price"} <= row.keys() for row in rows)
