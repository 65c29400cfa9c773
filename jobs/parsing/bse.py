"""Bhavcopies of the Bombay exchange as raw string columns. Nothing is validated or converted.

There are three layouts, recognised by the names in the header (there is no documentation; as seen in files
of 2022 to 2026): 14 columns SC_CODE..., 18 with ISIN_CODE and TRADING_DATE, and since 2024-07-08 UDiFF
(TradDt...). The older two arrive as a zip. Volumes are in shares, prices in rupees as traded. Names and
groups are padded.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.parsing.json_values import RawRow
from jobs.parsing.python_parser import parse_bodies
from jobs.parsing.raw_schema import RAW_BAR_COLUMNS, RAW_INSTRUMENT_COLUMNS

DATASETS = ("bhavcopy",)
CALENDAR = "XBOM"

Cells = dict[str, str | None]

# The fields of a row, by their names in the older layouts and in UDiFF.
_LAYOUTS = (
    {
        "code": "SC_CODE",
        "name": "SC_NAME",
        "group": "SC_GROUP",
        "isin": "ISIN_CODE",
        "day": "TRADING_DATE",
        "open": "OPEN",
        "high": "HIGH",
        "low": "LOW",
        "close": "CLOSE",
        "volume": "NO_OF_SHRS",
    },
    {
        "code": "FinInstrmId",
        "name": "FinInstrmNm",
        "group": "SctySrs",
        "isin": "ISIN",
        "day": "TradDt",
        "open": "OpnPric",
        "high": "HghPric",
        "low": "LwPric",
        "close": "ClsPric",
        "volume": "TtlTradgVol",
    },
)
# Fixed income and government securities; FinInstrmTp is STK for them as well.
_BOND_GROUPS = ("F", "FC", "G", "GC")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_ZIP_PROBLEMS = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    RuntimeError,  # a member that is encrypted
    NotImplementedError,  # a compression that Python does not know
)
_PRICES_AND_VOLUME = ("open", "high", "low", "close", "volume")

_BAR_COLUMNS = (
    *("symbol", "asset_class", "position", "symbol_text", "timestamp_text"),
    *("open_text", "high_text", "low_text", "close_text", "volume_text"),
)
_INSTRUMENT_COLUMNS = ("symbol", "position", "symbol_text", "name", "asset_class", "isin", "series")


def parse_bse_bars(payloads_df: DataFrame) -> DataFrame:
    """One row per line with RAW_BAR_COLUMNS; `symbol` is the scrip code, `position` is `line N`.

    An unreadable line (two records run together, a cell missing) becomes the time of a bar without prices, so
    that the rules quarantine it; a payload without lines gives one row of nulls. In the layout of 14 columns
    the day is taken from the file's name in the zip, null if the name has none.
    """
    rows_df = parse_bodies(
        payloads_df.filter(F.col("dataset").isin(*DATASETS)), bhavcopy_bar_rows, _BAR_COLUMNS
    )
    return rows_df.select(
        *rows_df.columns,
        F.lit(CALENDAR).alias("calendar"),
        F.lit("raw").alias("adjustment"),
        F.lit("exchange").alias("clock"),
        F.lit("candle").alias("kind"),
        F.lit(None).cast("string").alias("zone_text"),
    ).select(*RAW_BAR_COLUMNS)


def parse_bse_instruments(payloads_df: DataFrame) -> DataFrame:
    """One row per scrip with RAW_INSTRUMENT_COLUMNS; `series` is the exchange's group, such as A, XT or F.

    Unreadable lines are left out, since parse_bse_bars gives a row for each; a payload without readable lines
    gives one row of nulls.
    """
    rows_df = parse_bodies(_bhavcopies(payloads_df), bhavcopy_instrument_rows, _INSTRUMENT_COLUMNS)
    nothing = F.lit(None).cast("string")
    return rows_df.select(
        *rows_df.columns,
        F.lit("BSE").alias("exchange"),
        F.lit("INR").alias("currency"),
        F.col("isin").alias("instrument_text"),
        F.when(F.col("symbol_text").isNotNull(), "active").alias("status"),
        nothing.alias("valid_from_text"),
        nothing.alias("valid_to_text"),
    ).select(*RAW_INSTRUMENT_COLUMNS)


def _bhavcopies(payloads_df: DataFrame) -> DataFrame:
    return payloads_df.filter(F.col("dataset").isin(*DATASETS))


def bhavcopy_bar_rows(body: bytes, symbol: str, _interval: str | None) -> list[RawRow]:
    """The lines as tuples of _BAR_COLUMNS; at least one tuple."""
    rows = [
        _bar(position, cells) if cells else _unreadable_bar(symbol, position, line)
        for position, line, cells in _lines(body)
    ]
    return rows or [_unreadable_bar(symbol, "/", None)]


def bhavcopy_instrument_rows(body: bytes, symbol: str, _interval: str | None) -> list[RawRow]:
    """The readable lines as tuples of _INSTRUMENT_COLUMNS; at least one tuple."""
    rows = [_instrument(position, cells) for position, _, cells in _lines(body) if cells]
    return rows or [(symbol, "/", *[None] * (len(_INSTRUMENT_COLUMNS) - 2))]


def _bar(position: str, cells: Cells) -> RawRow:
    code = cells["code"]
    values = [cells[name] for name in _PRICES_AND_VOLUME]
    return (code, _asset_class(cells), position, code, _iso_day(cells["day"]), *values)


def _unreadable_bar(symbol: str, position: str, line: str | None) -> RawRow:
    return (symbol, "stock", position, None, line, *[None] * len(_PRICES_AND_VOLUME))


def _instrument(position: str, cells: Cells) -> RawRow:
    code = cells["code"]
    return (code, position, code, cells["name"], _asset_class(cells), cells["isin"], cells["group"])


def _asset_class(cells: Cells) -> str:
    return "bond" if cells["group"] in _BOND_GROUPS else "stock"


def _lines(body: bytes) -> Iterator[tuple[str, str, Cells | None]]:
    """Position, text and cells by our names of each line below the header; None for unreadable cells.

    Lines are read one by one, so that a stray quote spoils its own line only. Nothing if no known header.
    """
    day_of_file, text = _opened(bytes(body))
    header: list[str] | None = None
    for number, ended in enumerate(io.StringIO(text, newline=None), start=1):
        line = ended.rstrip("\n")
        if not line.strip():
            continue
        cells = _split(line)
        if header is None:
            header = cells
        elif (names := _layout_of(header)) is not None:
            yield f"line {number}", line, _cells(header, cells, names, day_of_file)


def _cells(
    header: list[str], cells: list[str], names: dict[str, str], day_of_file: str | None
) -> Cells | None:
    """The cells by our names, blank and missing ones as None; None if the line does not fit the header."""
    by_header = dict(zip(header, cells, strict=False))
    if len(cells) != len(header) or not by_header[names["code"]].isdecimal():
        return None
    ours = {name: by_header.get(theirs) or None for name, theirs in names.items()}
    return ours if names["day"] in header else {**ours, "day": day_of_file}


def _layout_of(header: list[str]) -> dict[str, str] | None:
    optional = ("isin", "day")
    for names in _LAYOUTS:
        if all(theirs in header for name, theirs in names.items() if name not in optional):
            return names
    return None


def _split(line: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line]))]
    except csv.Error:  # a cell that is too long: the line fits no header
        return []


def _opened(body: bytes) -> tuple[str | None, str]:
    """The day (DDMMYY) in the zipped file's name, if any, and the CSV's text, empty if there is none."""
    if not body.startswith(b"PK"):
        return None, _decoded(body)
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            name = next((member for member in archive.namelist() if member.lower().endswith(".csv")), None)
            if name is None:
                return None, ""
            day = re.search(r"EQ(\d{6})\.CSV$", name, re.IGNORECASE)
            return day.group(1) if day else None, _decoded(archive.read(name))
    except _ZIP_PROBLEMS:
        return None, ""


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _iso_day(text: str | None) -> str | None:
    """`07-Feb-22`, or `070222` from a file name, as `2022-02-07`; any other text unchanged.

    Months have English names, whatever the locale; years of two digits are after 2000.
    """
    numbers = re.fullmatch(r"(\d\d)(\d\d)(\d\d)", text or "")
    if numbers:
        return f"20{numbers[3]}-{numbers[2]}-{numbers[1]}"
    named = re.fullmatch(r"(\d\d)-([A-Z]{3})-(?:20)?(\d\d)", (text or "").upper())
    if named and named[2] in _MONTHS:
        return f"20{named[3]}-{_MONTHS.index(named[2]) + 1:02d}-{named[1]}"
    return text
