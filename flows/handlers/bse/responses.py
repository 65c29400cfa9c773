"""How a bhavcopy of the Bombay exchange is judged: whether it is one, and of the day that was asked for."""

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

# The columns that a layout must have, the scrip's code first; what else is there does not matter.
_LEGACY: Final = ("SC_CODE", "SC_NAME", "SC_GROUP", "OPEN", "HIGH", "LOW", "CLOSE", "NO_OF_SHRS")
_UDIFF: Final = (
    *("FinInstrmId", "FinInstrmNm", "SctySrs", "OpnPric", "HghPric", "LwPric", "ClsPric"),
    *("TtlTradgVol", "TradDt"),
)
_DAY_COLUMNS: Final = ("TRADING_DATE", "TradDt")
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_LARGEST_CSV_BYTES: Final = 64 * 1024 * 1024
_LARGEST_UNREADABLE_SHARE: Final = 0.01
_ZIP_PROBLEMS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    RuntimeError,  # a member that is encrypted
    NotImplementedError,  # a compression that Python does not know
)


def classify(body: bytes, content_type: str, day: date) -> ErrorClass | None:
    """None for a bhavcopy of `day` (plain CSV or a zip with one), else why it is none.

    A day without a file is answered with HTTP 200 and a page, or with no bytes. Lines that cannot be read
    are data up to 1 % of the lines (2022-02-07 had two records run together in one); but not in last
    place, where they would mean a file cut short. A file of another day is malformed. The layout of 14
    columns has no day inside: it is judged by the name of the file in the zip, and malformed without one.
    """
    if not body.strip() or "html" in content_type.lower() or body.lstrip()[:1] == b"<":
        return ErrorClass.no_data
    opened = _opened(body)
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
    days = [_day_told(row, code, day_column) if row else None for row in rows]
    if not days:
        return ErrorClass.no_data
    if any(told and _is_other_day(told, day) for told in days):
        return ErrorClass.malformed
    # An unreadable last line is that of a file cut short.
    is_refused = days[-1] is None or days.count(None) > _LARGEST_UNREADABLE_SHARE * len(days)
    return ErrorClass.malformed if is_refused else None


def _day_told(row: Mapping[str, str], code: str, day_column: str | None) -> str | None:
    """The text of a row's day, empty in the layout that has none; None for a row that cannot be read."""
    told = row[day_column].strip() or None if day_column else ""
    return told if row[code].strip().isdecimal() else None


def _opened(body: bytes) -> tuple[str, str] | None:
    """The name (of a file in a zip, else empty) and the text of the CSV; None where there is none."""
    if not body.startswith(b"PK"):
        return "", _decoded(body)
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(".csv")]
            if not names:
                return None
            with archive.open(names[0]) as member:
                content = member.read(_LARGEST_CSV_BYTES + 1)
    except _ZIP_PROBLEMS:
        return None
    return None if len(content) > _LARGEST_CSV_BYTES else (names[0], _decoded(content))


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _lines(text: str) -> Iterator[list[str]]:
    """The cells of each line that is not blank; line by line, so that a stray quote spoils its own only."""
    for line in io.StringIO(text, newline=None):
        if line.strip():
            try:
                yield next(csv.reader([line]))
            except csv.Error:  # a cell too long to be one: as unreadable as a line can be
                yield []


def _is_named(file_name: str, day: date) -> bool:
    """Whether a name like `EQ150124.CSV` says this day."""
    return bool(re.search(rf"EQ{day:%d%m%y}\.CSV$", file_name, re.I))


def _is_other_day(text: str, day: date) -> bool:
    """Whether a text like `15-Jan-24` or `2024-01-15` is another day than this; months in any locale."""
    month = _MONTHS[day.month - 1]
    spellings = (f"{day:%Y-%m-%d}", f"{day:%d}-{month}-{day:%y}", f"{day:%d}-{month}-{day:%Y}")
    return text.strip().upper() not in spellings
