"""The formats of exported objects: the same rows always give the same bytes."""

import gzip
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from serving.errors import ServingError
from serving.export.text_encoding import csv_header, csv_lines, json_lines

_ROWS_AS_TEXT = 10_000  # text takes several times the room of the columns it is made of
_GZIP_LEVEL = 6

Batches = Iterable[pa.Table]


@dataclass(frozen=True)
class Format:
    """How rows become an object: `write(batches, sink)` writes at least one piece, gives the rows written."""

    name: str
    suffix: str
    content_type: str
    write: Callable[[Batches, BinaryIO], int]


def format_named(name: str) -> Format:
    """The format `csv`, `json` or `parquet`.

    Raises:
        ServingError: there is none of that name.
    """
    if name not in FORMATS:
        raise ServingError(f"{name!r} is no format of an export: {', '.join(FORMATS)}")
    return FORMATS[name]


def _write_csv(batches: Batches, sink: BinaryIO) -> int:
    """UTF-8 with a header, lines end in a line feed."""
    first, batches = _with_first(batches)
    sink.write((csv_header(first.column_names) + "\n").encode())
    return _write_lines(batches, csv_lines, sink)


def _write_json(batches: Batches, sink: BinaryIO) -> int:
    """Gzip without name and time, which would differ from run to run."""
    with gzip.GzipFile("", "wb", _GZIP_LEVEL, sink, mtime=0) as zipped:
        return _write_lines(batches, json_lines, zipped)


def _write_parquet(batches: Batches, sink: BinaryIO) -> int:
    """A row group a piece, zstd; decimals and the columns' comments are kept."""
    first, batches = _with_first(batches)
    rows = 0
    with pq.ParquetWriter(sink, first.schema, compression="zstd") as writer:
        for piece in batches:
            writer.write_table(piece)
            rows += piece.num_rows
    return rows


def _write_lines(
    batches: Batches, lines_of: Callable[[pa.Table], list[str]], sink: BinaryIO | gzip.GzipFile
) -> int:
    rows = 0
    for piece in batches:
        for start in range(0, piece.num_rows, _ROWS_AS_TEXT):
            lines = lines_of(piece.slice(start, _ROWS_AS_TEXT))
            sink.write(("\n".join(lines) + "\n").encode())
            rows += len(lines)
    return rows


def _with_first(batches: Batches) -> tuple[pa.Table, Iterator[pa.Table]]:
    found = iter(batches)
    first = next(found)
    return first, chain([first], found)


FORMATS = {
    item.name: item
    for item in (
        Format("csv", ".csv", "text/csv; charset=utf-8", _write_csv),
        Format("json", ".json.gz", "application/gzip", _write_json),
        Format("parquet", ".parquet", "application/vnd.apache.parquet", _write_parquet),
    )
}
