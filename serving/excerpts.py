"""The exact piece of a payload that a position names."""

import json
import re

LONGEST = 4000


def excerpt(body: bytes, position: str) -> str | None:
    """The text at `position`, character for character; None where the body has nothing there.

    Positions: `/Time Series (Daily)/2010-08-20` a member of a JSON object, `line 7` of a CSV, `/` the
    whole body. Cut after 4000 characters, with a word on how long it was.
    """
    text = body.decode("utf-8", errors="replace")
    if position == "/":
        return _cut(text)
    if match := re.fullmatch(r"line (\d+)", position):
        lines = text.replace("\r\n", "\n").split("\n")
        index = int(match[1]) - 1
        return _cut(lines[index]) if 0 <= index < len(lines) else None
    series, _, name = position.lstrip("/").rpartition("/")
    return _member(text, series, name) if name else _cut(text)


def _member(text: str, series: str, name: str) -> str | None:
    """The `"name": value` inside the object `series`, found in the text and checked against its meaning."""
    try:
        meant = json.loads(text)[series][name]
    except (ValueError, KeyError, TypeError):
        return None
    start = _after_key(text, series, 0)
    found = None
    # a name that is there twice: the last one holds, in JSON as in the engines
    while start is not None and (at := _after_key(text, name, start)) is not None:
        value, end = json.JSONDecoder().raw_decode(text, at)
        if value == meant:
            found = text[text.rindex(json.dumps(name), 0, at) : end]
        start = end
    return _cut(found) if found else None


def _after_key(text: str, key: str, start: int) -> int | None:
    """Where the value of the next member `key` begins."""
    match = re.compile(re.escape(json.dumps(key)) + r"\s*:\s*").search(text, start)
    return match.end() if match else None


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]} ... ({len(text):,} characters in all)"
