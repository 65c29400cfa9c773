"""The exact fragment of a payload at a position."""

import io
import re
import zipfile
import zlib
from collections.abc import Mapping

from serving.explain.json_excerpts import JsonFragment, Key, fragment_at, fragments_of, member_text_at

MAX_EXCERPT_CHARACTERS = 4000
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError)
_CHART = re.compile(r"(/chart/result/\d+)/timestamp/(\d+)")
_TICKER = re.compile(r"/feed/(\d+)/(\d+)")


def excerpt(body: bytes, position: str) -> str | None:
    """The text at `position`, character for character; None if the body has nothing there.

    Positions are those that the parsers write: `/` or `none` for the whole body, `line 7` of a CSV (for a
    zip: of the CSV in it), otherwise the path through a JSON document by names and list indices, such as
    `/Time Series (Daily)/2010-08-20`, `/data/3`, `/prices/12`, `/0`. For a time in a Yahoo chart, the values
    at the same index of the other lists follow, one per line; for a ticker in news, its article. Longer text
    is cut after 4000 characters and its full length added.
    """
    if match := re.fullmatch(r"line (\d+)", position):
        return _line(_csv_text(body), int(match[1]))
    text = body.decode("utf-8", errors="replace")
    if position == "none" or position.endswith("/"):
        return _cut(text)
    if match := _CHART.fullmatch(position):
        return _chart_row(text, match[1], match[2])
    if match := _TICKER.fullmatch(position):
        return _ticker(text, match[1], match[2])
    return _cut(member_text_at(text, _keys(position)))


def _keys(position: str) -> list[Key]:
    """The names and indices of the path; the last name may contain any character, even a slash."""
    return list(position.strip("/").split("/"))


def _chart_row(text: str, chart: str, index: str) -> str | None:
    """A timestamp and the values at its index in the lists under `indicators`, one per line."""
    fragments = {"timestamp": fragment_at(text, [*_keys(chart), "timestamp", index])}
    for group in fragments_of(text, [*_keys(chart), "indicators"]):
        lists = [*_keys(chart), "indicators", group, "0"]
        for name in fragments_of(text, lists):
            fragments[f"indicators/{group}/{name}"] = fragment_at(text, [*lists, name, index])
    return _labelled(fragments)


def _ticker(text: str, article: str, ticker: str) -> str | None:
    """The entry of a ticker and its article; an article may have no tickers."""
    whole = ["feed", article]
    about = fragment_at(text, [*whole, "ticker_sentiment", ticker])
    return _labelled({f"ticker_sentiment/{ticker}": about, f"feed/{article}": fragment_at(text, whole)})


def _labelled(fragments: Mapping[str, JsonFragment | None]) -> str | None:
    """One line per fragment, including missing ones; None if all are missing."""
    if not any(fragments.values()):
        return None
    return _cut("\n".join(f"{name}: {part.text if part else 'missing'}" for name, part in fragments.items()))


def _line(text: str, number: int) -> str | None:
    """The line with this number, counted as the parsers do: lines end with \\n, \\r\\n or \\r."""
    for count, line in enumerate(io.StringIO(text, newline=None), start=1):
        if count == number:
            return _cut(line.rstrip("\n"))
    return None


def _csv_text(body: bytes) -> str:
    """The text of a CSV, or of the first CSV in a zip; empty if the zip cannot be read."""
    if not body.startswith(b"PK"):
        return _decoded(body)
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            name = next((member for member in archive.namelist() if member.lower().endswith(".csv")), None)
            return _decoded(archive.read(name)) if name else ""
    except _ZIP_ERRORS:
        return ""


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= MAX_EXCERPT_CHARACTERS:
        return text
    return f"{text[:MAX_EXCERPT_CHARACTERS]} ... ({len(text):,} characters in all)"
