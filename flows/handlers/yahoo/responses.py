"""How an answer of Yahoo's chart service is judged: JSON with a result or an error, else plain text.

Texts: the service's own answers of 2019 to 2026, HTTP 200, 400, 401, 404, 422 and 429.
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
    # A range too far back, an interval that there is not: parameters, like a symbol, are ours to correct.
    ("data not available for", ErrorClass.bad_symbol),
    ("must be within the last", ErrorClass.bad_symbol),
    ("invalid input", ErrorClass.bad_symbol),
    ("internal", ErrorClass.unavailable),
    ("unavailable", ErrorClass.unavailable),
    ("timeout", ErrorClass.unavailable),
)
_ROOTS: Final = ("chart", "finance")
_LONGEST_SENTENCE: Final = 500


def classify(body: bytes, content_type: str) -> ErrorClass | None:
    """None for a chart that holds quotes, else why there is none.

    Quotes without timestamps are data: what they are worth is judged row by row. A text that nobody
    knows, HTML and a result beside an error are malformed.
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
    """Whether the chart tells of a split: Yahoo has then restated all prices before it."""
    result = json.loads(body)["chart"]["result"]
    return any((_object(chart, "events") or {}).get("splits") for chart in result)


def _classify_text(body: bytes, content_type: str) -> ErrorClass:
    """Plain text comes with a refusal: `Edge: Too Many Requests`, with HTTP 200 too."""
    said = body[:_LONGEST_SENTENCE].decode(errors="replace").casefold()
    is_sentence = len(body) < _LONGEST_SENTENCE and "html" not in content_type.lower() and "<" not in said
    return ErrorClass.too_fast if is_sentence and "too many requests" in said else ErrorClass.malformed


def _classify_error(error: object) -> ErrorClass:
    parts = (
        [str(error.get("code")), str(error.get("description"))] if isinstance(error, dict) else [str(error)]
    )
    said = " ".join(parts).casefold()
    return next((found for phrase, found in _PHRASES if phrase in said), ErrorClass.malformed)


def _classify_result(result: object) -> ErrorClass | None:
    if result is None or result == []:
        return ErrorClass.no_data
    if not isinstance(result, list) or not all(_object(chart, "meta") for chart in result):
        return ErrorClass.malformed
    return None if any(_holds_anything(chart) for chart in result) else ErrorClass.no_data


def _holds_anything(chart: dict[str, Any]) -> bool:
    """Whether there is a time, a quote or an event: a range without trades has `quote: [{}]` alone."""
    quotes = (_object(chart, "indicators") or {}).get("quote")
    columns = [column for quote in quotes or () if isinstance(quote, dict) for column in quote.values()]
    events = (_object(chart, "events") or {}).values()
    return bool(chart.get("timestamp")) or any(columns) or any(events)


def _object(parent: object, name: str) -> dict[str, Any] | None:
    found = parent.get(name) if isinstance(parent, dict) else None
    return found if isinstance(found, dict) else None
