"""A body is a bhavcopy of the requested day, or has the class of its error."""

import io
import zipfile
from datetime import date
from pathlib import Path

import pytest

from flows.handlers.bse.responses import classify_response
from flows.handlers.errors import ErrorClass

CAPTURES = Path(__file__).resolve().parents[2] / "../shared/data/bse"
CASSETTES = CAPTURES / "cassettes/bse_bhavcopy_equity"
needs_captures = pytest.mark.skipif(
    not CAPTURES.is_dir(), reason="the captures are not part of the project (2026-11)"
)

DAY = date(2022, 2, 7)
HEADER_14 = (
    "SC_CODE,SC_NAME,SC_GROUP,SC_TYPE,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,NO_TRADES,NO_OF_SHRS,"
    "NET_TURNOV,TDCLOINDI"
)
HEADER_18 = f"{HEADER_14},ISIN_CODE,TRADING_DATE,FILLER2,FILLER3"
LINE_14 = "500002,ABB LTD.    ,A ,Q,1.10,1.20,1.00,1.15,1.15,1.05,5,329,400.00,"


def line(code: int = 500002, day: str = "07-Feb-22") -> str:
    return f"{code}{LINE_14[6:]},INE117A01022,{day},,"


def csv_of(lines: list[str], header: str = HEADER_18) -> bytes:
    return "\n".join([header, *lines, ""]).encode()


def zipped(content: bytes, name: str = "EQ_ISINCODE_070222.CSV") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


@needs_captures
def test_the_real_files_are_data_of_their_day_only() -> None:
    legacy = zipped((CASSETTES / "20240115_legacy.csv").read_bytes(), "EQ_ISINCODE_150124.CSV")
    udiff = (CASSETTES / "20260814.csv").read_bytes()

    assert classify_response(legacy, "application/x-zip-compressed", date(2024, 1, 15)) is None
    assert (
        classify_response(legacy, "application/x-zip-compressed", date(2024, 1, 16)) is ErrorClass.malformed
    )
    assert classify_response(udiff, "application/octet-stream", date(2026, 8, 14)) is None
    assert classify_response(udiff, "application/octet-stream", date(2026, 8, 13)) is ErrorClass.malformed


@needs_captures
def test_a_real_mangled_line_is_accepted_among_a_hundred_others_but_not_alone() -> None:
    header, mangled = (CAPTURES / "bse_legacy_mangled_line_2022-02-07.csv").read_text().splitlines()
    good = [line(500000 + number) for number in range(99)]

    assert classify_response(csv_of([mangled], header), "", DAY) is ErrorClass.malformed
    assert classify_response(csv_of([*good[:50], mangled, *good[50:]], header), "", DAY) is None
    assert (
        classify_response(csv_of([*good[:50], mangled, *good[50:-1]], header), "", DAY)
        is ErrorClass.malformed
    )


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/x-zip-compressed"),
        (b"\r\n", "text/csv"),
        (b"<!DOCTYPE html><html></html>", "text/html"),
        (b"\n <html></html>", "application/octet-stream"),
        (csv_of([line()]), "text/html"),
        (csv_of([]), "text/csv"),
        (zipped(csv_of([])), ""),
    ],
    ids=["nothing", "an empty line", "a page", "a page as a file", "a csv as a page", "no lines", "a zip"],
)
def test_a_web_page_or_an_empty_body_is_no_data(body: bytes, content_type: str) -> None:
    assert classify_response(body, content_type, DAY) is ErrorClass.no_data


@pytest.mark.parametrize(
    "body",
    [
        zipped(csv_of([line()]))[:-20],
        b"PK\x03\x04 nothing more",
        zipped(b"no table", "readme.txt"),
        zipped(b"", "EQ_ISINCODE_070222.CSV"),
        b'{"error": "unknown"}',
        csv_of([line()], HEADER_18.replace("SC_CODE", "SYMBOL")),
        csv_of([line()], HEADER_18.replace(",CLOSE", "")),
        csv_of([line(), line(day="04-Feb-22")]),
        csv_of([line(day="07-Feb-23")]),
        csv_of([LINE_14], HEADER_14),
    ],
    ids=[
        *("cut zip", "no zip", "no csv", "empty csv", "json", "other header", "column missing"),
        *("two days", "other year", "14 columns without a day"),
    ],
)
def test_a_body_that_is_not_a_bhavcopy_of_the_day_is_malformed(body: bytes) -> None:
    assert classify_response(body, "application/octet-stream", DAY) is ErrorClass.malformed


@pytest.mark.parametrize(
    ("name", "expected"),
    [("EQ070222.CSV", None), ("eq070222.csv", None), ("EQ080222.CSV", ErrorClass.malformed)],
)
def test_the_layout_of_14_columns_is_classified_by_the_name_in_the_zip(
    name: str, expected: ErrorClass | None
) -> None:
    assert classify_response(zipped(csv_of([LINE_14], HEADER_14), name), "", DAY) is expected


def test_a_file_truncated_in_its_last_line_is_malformed() -> None:
    whole = csv_of([line(500000 + number) for number in range(300)])
    assert classify_response(whole, "", DAY) is None
    assert classify_response(whole[:-20], "", DAY) is ErrorClass.malformed


def test_a_stray_quote_affects_only_its_own_line() -> None:
    lines = [line(500000 + number) for number in range(200)]
    lines[5] = lines[5].replace("ABB", '"ABB').replace(",A ", '",A ', 1)
    lines[6] = lines[6].replace(",ABB", ',"ABB', 1)
    assert classify_response(csv_of(lines), "", DAY) is None


def test_latin_1_names_and_windows_line_ends_are_read() -> None:
    body = csv_of([line().replace("ABB", "ABÉ")]).decode().replace("\n", "\r\n").encode("latin-1")
    assert classify_response(body, "", DAY) is None
