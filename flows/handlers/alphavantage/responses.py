"""How an answer of Alpha Vantage is judged: it says nearly everything, refusals included, with HTTP 200."""

from __future__ import annotations

import csv
import json
from typing import Final

from flows.handlers.errors import ErrorClass

# Refusals are one of these top-level keys with a sentence; no body with data has them.
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
    # of NEWS_SENTIMENT: a ticker or a time that it does not know, and a range without articles
    ("invalid inputs", ErrorClass.bad_symbol),
    ("no articles found", ErrorClass.no_data),
    ("this api function", ErrorClass.bad_symbol),
)

# What the vendor puts into the sample rows of datasets that the key may not have.
_ARTIFICIAL: Final = (b"2049-99-99", b"SCHEMA BELOW IS ARTIFICIAL")

# What the answer of a dataset must have: a top-level key of JSON, or the beginning of the header of CSV.
NEWS_KEY: Final = "feed"
ACTIONS_KEY: Final = "data"
LISTING_HEADER: Final = "symbol,name,exchange,assetType"

_SERIES_HEADERS: Final = ("timestamp,open,high,low,close", "time,open,high,low,close")
_ACTIONS_HEADERS: Final = ("effective_date,split_factor", "ex_dividend_date,declaration_date")


def classify(body: bytes, content_type: str, wanted: str | None = None) -> ErrorClass | None:
    """None for data, else why it is none.

    `wanted` is the top-level key that holds the data (`Time Series (5min)`, `Symbol`, NEWS_KEY,
    ACTIONS_KEY) or LISTING_HEADER; without it all that any dataset answers is data. An empty list of
    articles or of corporate actions is data: it says that there are none. A sentence that nobody knows
    is malformed, never data.
    """
    if any(mark in body for mark in _ARTIFICIAL):
        return ErrorClass.not_entitled
    if body.lstrip().startswith(b"{"):
        return _classify_json(body, wanted)
    if "html" in content_type.lower():
        return ErrorClass.malformed
    return _classify_csv(body, _csv_headers(wanted))


def _classify_json(body: bytes, wanted: str | None) -> ErrorClass | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ErrorClass.malformed
    sentences = [str(value) for key, value in document.items() if key.casefold() in _SENTENCE_KEYS]
    if sentences:
        return _classify_sentence(" ".join(sentences))
    return _classify_document(document, wanted)


def _classify_sentence(sentence: str) -> ErrorClass:
    said = sentence.casefold()
    return next((found for phrase, found in _PHRASES if phrase in said), ErrorClass.malformed)


def _classify_document(document: dict[str, object], wanted: str | None) -> ErrorClass | None:
    """A dataset without its rows is no data; a document about something else is malformed."""
    data_keys = [key for key in document if _holds_data(key, document)]
    if wanted is not None and data_keys and wanted not in data_keys:
        return ErrorClass.malformed
    if any(document[key] or isinstance(document[key], list) for key in data_keys):
        return None
    # The answer for an unknown symbol of OVERVIEW is `{}`.
    is_known_shape = not document or data_keys or "Meta Data" in document
    return ErrorClass.no_data if is_known_shape else ErrorClass.malformed


def _holds_data(key: str, document: dict[str, object]) -> bool:
    if key in {NEWS_KEY, ACTIONS_KEY}:
        has_place = key == NEWS_KEY or "symbol" in document
        return has_place and isinstance(document[key], list)
    return key == "Symbol" or "Time Series" in key


def _csv_headers(wanted: str | None) -> tuple[str, ...]:
    """How the header of CSV may begin where `wanted` is asked for."""
    if wanted is None:
        return (*_SERIES_HEADERS, *_ACTIONS_HEADERS, LISTING_HEADER)
    if "Time Series" in wanted:
        return _SERIES_HEADERS
    return {ACTIONS_KEY: _ACTIONS_HEADERS, LISTING_HEADER: (LISTING_HEADER,)}.get(wanted, ())


def _classify_csv(body: bytes, headers: tuple[str, ...]) -> ErrorClass | None:
    """Data in CSV has a known header and as many fields in the last line: the one a cut would shorten."""
    rows = body.decode(errors="replace").strip().splitlines()
    if not rows or not rows[0].startswith(headers):
        return ErrorClass.malformed
    if len(rows) == 1:
        return None if rows[0].startswith(_ACTIONS_HEADERS) else ErrorClass.no_data
    return None if _field_count(rows[-1]) == _field_count(rows[0]) else ErrorClass.malformed


def _field_count(line: str) -> int:
    """The fields of one line; a name in quotes may hold a comma."""
    return len(next(csv.reader([line])))
