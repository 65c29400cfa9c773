"""The formats of exported objects; the same rows always give the same bytes."""

import gzip
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from serving.errors import ServingError
from serving.export.text_encoding import csv_header, csv_lines, json_lines, raw_csv_lines

_ROWS_AS_TEXT = 10_000  # text takes several times the memory of the columns
_GZIP_LEVEL = 6

Batches = Iterable[pa.Table]


@dataclass(frozen=True)
class Format:
    """How rows are written: `write(batches, sink)` takes one batch or more and returns the number of rows.

    `escapes_formulas`: text that a spreadsheet would run has an apostrophe in front.
    """

    name: str
    suffix: str
    content_type: str
    write: Callable[[Batches, BinaryIO], int]
    escapes_formulas: bool = False


def format_named(name: str) -> Format:
    """The format `csv`, `json` or `parquet`.

    Raises:
        ServingError: there is no format of that name.
    """
    if name not in FORMATS:
        raise ServingError(f"an export's format must be one of {', '.join(FORMATS)}, not {name!r}")
    return FORMATS[name]


def raw_text_format(name: str) -> Format:
    """The format of that name that writes every text as it is stored.

    Raises:
        ServingError: there is no format of that name, or it has no other form.
    """
    if format_named(name).escapes_formulas:
        return RAW_CSV
    raise ServingError(f"--raw-text applies to csv; {name} always holds text as it is stored, so omit it")


def _write_csv(batches: Batches, sink: BinaryIO) -> int:
    """UTF-8 with a header; lines end with a line feed; no text is a formula."""
    return _write_csv_lines(batches, csv_lines, sink)


def _write_raw_csv(batches: Batches, sink: BinaryIO) -> int:
    return _write_csv_lines(batches, raw_csv_lines, sink)


def _write_csv_lines(batches: Batches, lines_of: Callable[[pa.Table], list[str]], sink: BinaryIO) -> int:
    first, batches = _with_first(batches)
    sink.write((csv_header(first.column_names) + "\n").encode())
    return _write_lines(batches, lines_of, sink)


def _write_json(batches: Batches, sink: BinaryIO) -> int:
    """One JSON object per line, gzip-compressed without file name and time, which differ between runs."""
    with gzip.GzipFile("", "wb", _GZIP_LEVEL, sink, mtime=0) as zipped:
        return _write_lines(batches, json_lines, zipped)


def _write_parquet(batches: Batches, sink: BinaryIO) -> int:
    """One row group per batch, zstd-compressed; keeps decimals and the columns' comments."""
    first, batches = _with_first(batches)
    rows = 0
    with pq.ParquetWriter(sink, first.schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_table(batch)
            rows += batch.num_rows
    return rows


def _write_lines(
    batches: Batches, lines_of: Callable[[pa.Table], list[str]], sink: BinaryIO | gzip.GzipFile
) -> int:
    rows = 0
    for batch in batches:
        for start in range(0, batch.num_rows, _ROWS_AS_TEXT):
            lines = lines_of(batch.slice(start, _ROWS_AS_TEXT))
            sink.write(("\n".join(lines) + "\n").encode())
            rows += len(lines)
    return rows


def _with_first(batches: Batches) -> tuple[pa.Table, Iterator[pa.Table]]:
    iterator = iter(batches)
    first = next(iterator)
    return first, chain([first], iterator)


RAW_CSV = Format("csv", ".csv", "text/csv; charset=utf-8", _write_raw_csv)
FORMATS = {
    file_format.name: file_format
    for file_format in (
        Format("csv", ".csv", "text/csv; charset=utf-8", _write_csv, escapes_formulas=True),
        Format("json", ".json.gz", "application/gzip", _write_json),
        Format("parquet", ".parquet", "application/vnd.apache.parquet", _write_parquet),
    )
}
