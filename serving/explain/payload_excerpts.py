"""The exact piece of a payload that a position names."""

import io
import re
import zipfile
import zlib
from collections.abc import Mapping

from serving.explain.json_excerpts import JsonFragment, Key, fragment_at, fragments_of, member_text_at

MAX_EXCERPT_CHARACTERS = 4000
_ZIP_PROBLEMS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError)
_CHART = re.compile(r"(/chart/result/\d+)/timestamp/(\d+)")
_TICKER = re.compile(r"/feed/(\d+)/(\d+)")


def excerpt(body: bytes, position: str) -> str | None:
    """The text at `position`, character for character; None where the body has nothing there.

    Positions are those that the parsers write: `/` or `none` the whole body, `line 7` of a CSV (in a zip: of
    the CSV in it), else the way through a JSON document by names and by numbers in lists, such as
    `/Time Series (Daily)/2010-08-20`, `/data/3`, `/prices/12`, `/0`. In a Yahoo chart a time comes with the
    values at the same place of the other lists, one a line; in news a ticker with its article.
    Cut after 4000 characters, with a word on how long it was.
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
    """The names and numbers on the way; the last name may hold anything, a slash as well."""
    return list(position.strip("/").split("/"))


def _chart_row(text: str, chart: str, index: str) -> str | None:
    """A time and, a line each, the values at its place in the lists under `indicators`."""
    found = {"timestamp": fragment_at(text, [*_keys(chart), "timestamp", index])}
    for group in fragments_of(text, [*_keys(chart), "indicators"]):
        lists = [*_keys(chart), "indicators", group, "0"]
        for name in fragments_of(text, lists):
            found[f"indicators/{group}/{name}"] = fragment_at(text, [*lists, name, index])
    return _labelled(found)


def _ticker(text: str, article: str, ticker: str) -> str | None:
    """What is said about a ticker, and the article that says it; an article may name none."""
    whole = ["feed", article]
    about = fragment_at(text, [*whole, "ticker_sentiment", ticker])
    return _labelled({f"ticker_sentiment/{ticker}": about, f"feed/{article}": fragment_at(text, whole)})


def _labelled(fragments: Mapping[str, JsonFragment | None]) -> str | None:
    """A line a piece; of those that are not there too, unless none is."""
    if not any(fragments.values()):
        return None
    return _cut(
        "\n".join(f"{name}: {each.text if each else 'not there'}" for name, each in fragments.items())
    )


def _line(text: str, number: int) -> str | None:
    """Lines as the parsers count them: ended by \\n, \\r\\n or \\r."""
    for count, line in enumerate(io.StringIO(text, newline=None), start=1):
        if count == number:
            return _cut(line.rstrip("\n"))
    return None


def _csv_text(body: bytes) -> str:
    """The text of a CSV, or of the first one in a zip; empty where the zip cannot be read."""
    if not body.startswith(b"PK"):
        return _decoded(body)
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            name = next((each for each in archive.namelist() if each.lower().endswith(".csv")), None)
            return _decoded(archive.read(name)) if name else ""
    except _ZIP_PROBLEMS:
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
