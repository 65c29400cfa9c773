"""Lines and cells of absurd length are refused before anything holds them in memory."""

import gzip
from pathlib import Path

import pytest

from flows.handlers.alphavantage.responses import classify_response
from flows.handlers.errors import ErrorClass
from flows.handlers.massive.files import BrokenFileError, checked_sha256

HEADER, LINE = b"ticker,volume,open,close,high,low,window_start\n", b"A,1,1,1,1,1,1282311000000000000\n"
MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize("filler", [b"A", b"\0", b","])
def test_a_flat_file_with_a_line_of_mebibytes_is_refused(tmp_path: Path, filler: bytes) -> None:
    path = tmp_path / "day.csv.gz"
    path.write_bytes(gzip.compress(HEADER + LINE + filler * (3 * MEBIBYTE) + b"\n" + LINE))
    with pytest.raises(BrokenFileError, match="a line of more than 1048576 bytes"):
        checked_sha256(path)


def test_a_flat_file_of_many_short_lines_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "day.csv.gz"
    path.write_bytes(gzip.compress(HEADER + LINE * (4 * MEBIBYTE // len(LINE))))
    assert len(checked_sha256(path)) == 64


@pytest.mark.parametrize("quote", [b'"', b""])
def test_a_csv_response_whose_last_line_has_a_huge_cell_is_malformed(quote: bytes) -> None:
    body = b"timestamp,open,high,low,close,volume\n2010-08-20,1,1,1,1," + quote + b"x" * 140_000 + quote
    assert classify_response(body, "text/csv") == ErrorClass.malformed
