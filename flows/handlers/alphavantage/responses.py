"""Classifies Alpha Vantage's responses: nearly all of them, including refusals, have HTTP status 200."""

from __future__ import annotations

import csv
import json
from typing import Final

from flows.handlers.errors import ErrorClass

# A refusal is one of these top-level keys with a sentence; no body with data has them.
_SENTENCE_KEYS: Final = frozenset({"note", "information", "error message", "error", "message"})

# The first phrase that occurs decides, so the order matters: the burst and premium sentences also mention
# 25 requests a day, and the burst sentence also mentions premium endpoints. Texts of 2017 to 2026.
_PHRASES: Final = (
    ("spreading out your free api requests", ErrorClass.too_fast),
    ("1 request per second", ErrorClass.too_fast),
    ("api call frequency is", ErrorClass.too_fast),
    ("higher api call volume", ErrorClass.too_fast),
    ("this is a premium endpoint", ErrorClass.not_entitled),
    ("is a premium feature", ErrorClass.not_entitled),
    ("requests per day", ErrorClass.quota_exhausted),
    ("daily rate limit", ErrorClass.quota_exhausted),
    ("apikey is invalid or missing", ErrorClass.bad_credentials),
    ("api key is for demo purposes", ErrorClass.bad_credentials),
    ("internal or external error", ErrorClass.unavailable),
    ("invalid api call", ErrorClass.bad_symbol),
    # of NEWS_SENTIMENT: an unknown ticker or time, and a range without articles
    ("invalid inputs", ErrorClass.bad_symbol),
    ("no articles found", ErrorClass.no_data),
    ("this api function", ErrorClass.bad_symbol),
)

# Marks in the sample rows that the vendor sends for datasets outside the key's plan.
_ARTIFICIAL: Final = (b"2049-99-99", b"SCHEMA BELOW IS ARTIFICIAL")

# What a dataset's response must contain: a top-level key of JSON, or the beginning of the CSV header.
NEWS_KEY: Final = "feed"
ACTIONS_KEY: Final = "data"
LISTING_HEADER: Final = "symbol,name,exchange,assetType"

_SERIES_HEADERS: Final = ("timestamp,open,high,low,close", "time,open,high,low,close")
_ACTIONS_HEADERS: Final = ("effective_date,split_factor", "ex_dividend_date,declaration_date")


def classify_response(body: bytes, content_type: str, data_key: str | None = None) -> ErrorClass | None:
    """None for data, otherwise the error class.

    `data_key` is the top-level key that holds the data (`Time Series (5min)`, `Symbol`, NEWS_KEY,
    ACTIONS_KEY) or LISTING_HEADER; without it, data of any dataset is accepted. An empty list of articles
    or of corporate actions is data: it means that there are none. An unknown sentence is malformed, never
    data.
    """
    if any(mark in body for mark in _ARTIFICIAL):
        return ErrorClass.not_entitled
    if body.lstrip().startswith(b"{"):
        return _classify_json(body, data_key)
    if "html" in content_type.lower():
        return ErrorClass.malformed
    return _classify_csv(body, _csv_headers(data_key))


def _classify_json(body: bytes, data_key: str | None) -> ErrorClass | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ErrorClass.malformed
    sentences = [str(value) for key, value in document.items() if key.casefold() in _SENTENCE_KEYS]
    if sentences:
        return _classify_sentence(" ".join(sentences))
    return _classify_document(document, data_key)


def _classify_sentence(sentence: str) -> ErrorClass:
    text = sentence.casefold()
    return next((error_class for phrase, error_class in _PHRASES if phrase in text), ErrorClass.malformed)


def _classify_document(document: dict[str, object], data_key: str | None) -> ErrorClass | None:
    """A dataset without rows is no_data; a document about something else is malformed."""
    data_keys = [key for key in document if _holds_data(key, document)]
    if data_key is not None and data_keys and data_key not in data_keys:
        return ErrorClass.malformed
    if any(document[key] or isinstance(document[key], list) for key in data_keys):
        return None
    # The response to an unknown symbol of OVERVIEW is `{}`.
    is_known_shape = not document or data_keys or "Meta Data" in document
    return ErrorClass.no_data if is_known_shape else ErrorClass.malformed


def _holds_data(key: str, document: dict[str, object]) -> bool:
    if key in {NEWS_KEY, ACTIONS_KEY}:
        is_expected = key == NEWS_KEY or "symbol" in document
        return is_expected and isinstance(document[key], list)
    return key == "Symbol" or "Time Series" in key


def _csv_headers(data_key: str | None) -> tuple[str, ...]:
    """How the CSV header of a response with `data_key` may begin."""
    if data_key is None:
        return (*_SERIES_HEADERS, *_ACTIONS_HEADERS, LISTING_HEADER)
    if "Time Series" in data_key:
        return _SERIES_HEADERS
    return {ACTIONS_KEY: _ACTIONS_HEADERS, LISTING_HEADER: (LISTING_HEADER,)}.get(data_key, ())


def _classify_csv(body: bytes, headers: tuple[str, ...]) -> ErrorClass | None:
    """CSV data has a known header and as many fields in its last line, which a cut would shorten."""
    rows = body.decode(errors="replace").strip().splitlines()
    if not rows or not rows[0].startswith(headers):
        return ErrorClass.malformed
    if len(rows) == 1:
        return None if rows[0].startswith(_ACTIONS_HEADERS) else ErrorClass.no_data
    return None if _field_count(rows[-1]) == _field_count(rows[0]) else ErrorClass.malformed


def _field_count(line: str) -> int:
    """The number of fields in a line, in which a quoted name may contain a comma; 0 if it cannot be read."""
    try:
        return len(next(csv.reader([line])))
    except csv.Error:  # a field of more characters than the module reads
        return 0
