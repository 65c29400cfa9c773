"""Finds a secret in files, compressed tables and databases, in any encoding."""

import base64
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, quote_plus

import pyarrow.parquet as pq

_HALF = 12


def spellings(key: str) -> set[bytes]:
    """The key as it is, escaped, encoded, backwards, and either end of it alone; in lower case."""
    raw = key.encode()
    texts = {key, key[::-1], quote(key), quote(key, safe=""), quote_plus(key), raw.hex()}
    ends = {raw[:_HALF], raw[-_HALF:], quote_plus(key)[:_HALF].encode()}
    return {each.lower() for each in {text.encode() for text in texts} | ends | set(_base64(raw))}


def places_of(key: str, folders: Iterable[Path]) -> list[str]:
    """The files below the folders that hold the key, compressed Parquet and SQLite databases looked into."""
    wanted = spellings(key)
    files = (file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file())
    return [str(file) for file in files if any(holds(text, wanted) for text in _texts(file))]


def holds(text: bytes, wanted: Iterable[bytes]) -> bool:
    """Whether the text holds any of the spellings."""
    lowered = text.lower()
    return any(spelling in lowered for spelling in wanted)


def _base64(raw: bytes) -> Iterator[bytes]:
    """The base64 of the key at any place of a longer text: three alignments, both alphabets."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)
        middle = encoded[4 if offset else 0 : -4]
        yield from (middle, middle.translate(bytes.maketrans(b"+/", b"-_")))


def _texts(file: Path) -> Iterator[bytes]:
    content = file.read_bytes()
    yield content
    if content.startswith(b"SQLite format 3"):
        yield from _cells(file)
    if content.startswith(b"PAR1"):
        yield from _values(file)


def _cells(file: Path) -> Iterator[bytes]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            for row in database.execute(f'SELECT * FROM "{name}"'):
                yield from (_bytes(value) for value in row if value is not None)


def _values(file: Path) -> Iterator[bytes]:
    for column in pq.read_table(file).columns:
        yield from (_bytes(value) for value in column.to_pylist() if value is not None)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
