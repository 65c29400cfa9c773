"""Classifies BSE's responses: whether one is a bhavcopy, and of the requested day."""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from flows.handlers.errors import ErrorClass

# The required columns of a layout, the scrip's code first; others are ignored.
_LEGACY: Final = ("SC_CODE", "SC_NAME", "SC_GROUP", "OPEN", "HIGH", "LOW", "CLOSE", "NO_OF_SHRS")
_UDIFF: Final = (
    *("FinInstrmId", "FinInstrmNm", "SctySrs", "OpnPric", "HghPric", "LwPric", "ClsPric"),
    *("TtlTradgVol", "TradDt"),
)
_DAY_COLUMNS: Final = ("TRADING_DATE", "TradDt")
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MAX_CSV_BYTES: Final = 64 * 1024 * 1024
_MAX_UNREADABLE_SHARE: Final = 0.01
_ZIP_PROBLEMS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    RuntimeError,  # an encrypted member
    NotImplementedError,  # an unsupported compression
)


def classify_response(body: bytes, content_type: str, day: date) -> ErrorClass | None:
    """None for a bhavcopy of `day` (plain CSV or a zip file with one), otherwise the error class.

    For a day without a file the response is HTTP 200 with a web page, or with an empty body. Unreadable
    lines are accepted up to 1 % of the lines (2022-02-07 had two records run together in one), but not as
    the last line, which would mean a truncated file. A file of another day is malformed. The layout of 14
    columns has no date column: the name of the file in the zip decides, and without a name it is malformed.
    """
    if not body.strip() or "html" in content_type.lower() or body.lstrip()[:1] == b"<":
        return ErrorClass.no_data
    opened = _unzipped(body)
    if opened is None:
        return ErrorClass.malformed
    name, text = opened
    lines = _lines(text)
    header = [cell.strip() for cell in next(lines, [])]
    code = next((layout[0] for layout in (_LEGACY, _UDIFF) if set(layout) <= set(header)), None)
    day_column = next((column for column in _DAY_COLUMNS if column in header), None)
    if code is None or (day_column is None and not _is_named(name, day)):
        return ErrorClass.malformed
    rows = (dict(zip(header, cells, strict=True)) if len(cells) == len(header) else None for cells in lines)
    days = [_day_text(row, code, day_column) if row else None for row in rows]
    if not days:
        return ErrorClass.no_data
    if any(text and _is_other_day(text, day) for text in days):
        return ErrorClass.malformed
    # An unreadable last line means a truncated file.
    is_refused = days[-1] is None or days.count(None) > _MAX_UNREADABLE_SHARE * len(days)
    return ErrorClass.malformed if is_refused else None


def _day_text(row: Mapping[str, str], code: str, day_column: str | None) -> str | None:
    """The text of a row's date, empty in the layout without dates; None for an unreadable row."""
    day_text = row[day_column].strip() or None if day_column else ""
    return day_text if row[code].strip().isdecimal() else None


def _unzipped(body: bytes) -> tuple[str, str] | None:
    """The name (of the file in a zip, otherwise empty) and the text of the CSV; None if there is none."""
    if not body.startswith(b"PK"):
        return "", _decoded(body)
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(".csv")]
            if not names:
                return None
            with archive.open(names[0]) as member:
                content = member.read(_MAX_CSV_BYTES + 1)
    except _ZIP_PROBLEMS:
        return None
    return None if len(content) > _MAX_CSV_BYTES else (names[0], _decoded(content))


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _lines(text: str) -> Iterator[list[str]]:
    """The cells of each non-blank line; parsed line by line, so a stray quote affects only its own line."""
    for line in io.StringIO(text, newline=None):
        if line.strip():
            try:
                yield next(csv.reader([line]))
            except csv.Error:  # an oversized cell: the line is unreadable
                yield []


def _is_named(file_name: str, day: date) -> bool:
    """Whether a name like `EQ150124.CSV` is of this day."""
    return bool(re.search(rf"EQ{day:%d%m%y}\.CSV$", file_name, re.I))


def _is_other_day(text: str, day: date) -> bool:
    """Whether a text like `15-Jan-24` or `2024-01-15` is not this day; independent of the locale."""
    month = _MONTHS[day.month - 1]
    spellings = (f"{day:%Y-%m-%d}", f"{day:%d}-{month}-{day:%y}", f"{day:%d}-{month}-{day:%Y}")
    return text.strip().upper() not in spellings
