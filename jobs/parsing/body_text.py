"""Bodies as text that every engine can hold, in plain Python.

Imports the standard library only, because the engines run it in their workers (see python_parser.py). Bronze
keeps the bytes as received; only what is parsed is repaired.
"""

import json
import re

# A payload with more rows is refused as a whole. The longest documented ones (all listings, a month of
# one-minute bars, a thousand articles) have a tenth of them.
MAX_ROWS = 200_000
_ESCAPED_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)((?:\\u[dD][89a-fA-F][0-9a-fA-F]{2})+)")
_PAIR_OR_ONE = re.compile(r"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[0-9a-fA-F]{4}")
_BARE_NUMBER = re.compile(r"([:\[,]\s*)(NaN|[+-]?Infinity)(?=\s*[,}\]])")
_DEEP = re.compile(r"(?:[\]}]\s*){100}")
_REPLACEMENT = "\\ufffd"


def body_text(body: bytes) -> str:
    """The body decoded by its byte order mark or its zero bytes, else as UTF-8.

    Bytes that fit no character become U+FFFD. JSON may be UTF-8, UTF-16 or UTF-32 (RFC 4627, section 3).
    """
    content = bytes(body)
    encoding = json.detect_encoding(content)
    if encoding == "utf-8":  # the usual case
        return content.decode("utf-8", errors="replace")
    return content.decode(encoding, errors="replace").lstrip("\ufeff")


def json_text(body: bytes) -> str:
    r"""The body as JSON text that every JSON reader accepts.

    An escaped half of a surrogate pair becomes \ufffd, and a bare NaN or Infinity becomes a string.
    """
    return _readable(body_text(body))


def _readable(text: str) -> str:
    if "\\u" in text:
        text = _ESCAPED_SURROGATES.sub(_without_lone_surrogates, text)
    if "NaN" in text or "Infinity" in text:
        text = _BARE_NUMBER.sub(r'\1"\2"', text)
    return text


def bounded_text(body: bytes) -> str:
    """JSON as json_text returns it, anything else as body_text does; empty if it is not to be parsed.

    That is a body with more rows (lines of CSV, objects of JSON) than MAX_ROWS, or one that is nested a
    hundred deep, which one engine would read and the other not.
    """
    text = body_text(body)
    if not text.lstrip().startswith(("{", "[")):
        return text if text.count("\n") <= MAX_ROWS else ""
    if text.count("{") > MAX_ROWS or _DEEP.search(text):
        return ""
    return _readable(text)


def _without_lone_surrogates(found: re.Match[str]) -> str:
    return found[1] + _PAIR_OR_ONE.sub(lambda escape: escape[1] or _REPLACEMENT, found[2])
