"""Classifies responses of Yahoo's chart service: JSON with a result or an error, otherwise plain text.

The phrases are from the service's responses of 2019 to 2026, HTTP 200, 400, 401, 404, 422 and 429.
"""

from __future__ import annotations

import json
from typing import Any, Final

from flows.handlers.errors import ErrorClass

# Phrases of the error's code and description; the first that occurs decides.
_PHRASES: Final = (
    ("too many requests", ErrorClass.too_fast),
    ("invalid crumb", ErrorClass.bad_credentials),
    ("invalid cookie", ErrorClass.bad_credentials),
    ("unauthorized", ErrorClass.bad_credentials),
    ("forbidden", ErrorClass.not_entitled),
    ("data doesn't exist", ErrorClass.no_data),
    ("no data found", ErrorClass.bad_symbol),
    ("no fundamentals data", ErrorClass.bad_symbol),
    ("not found", ErrorClass.bad_symbol),
    # A range too far back or an unknown interval: like a symbol, the user must correct these parameters.
    ("data not available for", ErrorClass.bad_symbol),
    ("must be within the last", ErrorClass.bad_symbol),
    ("invalid input", ErrorClass.bad_symbol),
    ("internal", ErrorClass.unavailable),
    ("unavailable", ErrorClass.unavailable),
    ("timeout", ErrorClass.unavailable),
)
_ROOTS: Final = ("chart", "finance")
_MAX_SENTENCE_BYTES: Final = 500


def classify_response(body: bytes, content_type: str) -> ErrorClass | None:
    """None for a chart with quotes, otherwise the error class.

    Quotes without timestamps are data: the rows are validated later. An unknown text, HTML, and a result
    together with an error are malformed.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return _classify_text(body, content_type)
    if not isinstance(document, dict):
        return ErrorClass.malformed
    root = next((document[name] for name in _ROOTS if isinstance(document.get(name), dict)), None)
    if root is None or "result" not in root:
        return ErrorClass.malformed
    if root.get("error"):
        return _classify_error(root["error"])
    return _classify_result(root["result"])


def has_split(body: bytes) -> bool:
    """Whether the chart reports a split: Yahoo has then restated all earlier prices."""
    result = json.loads(body)["chart"]["result"]
    return any((_object(chart, "events") or {}).get("splits") for chart in result)


def _classify_text(body: bytes, content_type: str) -> ErrorClass:
    """A refusal in plain text, such as `Edge: Too Many Requests`, which may come with HTTP 200."""
    text = body[:_MAX_SENTENCE_BYTES].decode(errors="replace").casefold()
    is_sentence = len(body) < _MAX_SENTENCE_BYTES and "html" not in content_type.lower() and "<" not in text
    return ErrorClass.too_fast if is_sentence and "too many requests" in text else ErrorClass.malformed


def _classify_error(error: object) -> ErrorClass:
    parts = (
        [str(error.get("code")), str(error.get("description"))] if isinstance(error, dict) else [str(error)]
    )
    text = " ".join(parts).casefold()
    return next((error_class for phrase, error_class in _PHRASES if phrase in text), ErrorClass.malformed)


def _classify_result(result: object) -> ErrorClass | None:
    if result is None or result == []:
        return ErrorClass.no_data
    if not isinstance(result, list) or not all(_object(chart, "meta") for chart in result):
        return ErrorClass.malformed
    return None if any(_holds_anything(chart) for chart in result) else ErrorClass.no_data


def _holds_anything(chart: dict[str, Any]) -> bool:
    """Whether there is a timestamp, a quote or an event: a range without trades has only `quote: [{}]`."""
    quotes = (_object(chart, "indicators") or {}).get("quote")
    columns = [column for quote in quotes or () if isinstance(quote, dict) for column in quote.values()]
    events = (_object(chart, "events") or {}).values()
    return bool(chart.get("timestamp")) or any(columns) or any(events)


def _object(parent: object, name: str) -> dict[str, Any] | None:
    value = parent.get(name) if isinstance(parent, dict) else None
    return value if isinstance(value, dict) else None
