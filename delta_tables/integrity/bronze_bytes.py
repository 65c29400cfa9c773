"""Compares the bytes that Bronze keeps with the hashes that are their ids."""

import hashlib
from collections.abc import Collection, Iterator

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake.exceptions import TableNotFoundError
from pyarrow import fs

from delta_tables.integrity.scrub import Damage, live_data_files
from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.bronze import DEAD_LETTERS, RAW_FILES, RAW_PAYLOADS

_COLUMNS = ("payload_id", "body", "body_fetched_at", "provider", "dataset", "symbol", "fetched_at")
_BATCH_ROWS = 1000
_CHUNK_BYTES = 1 << 20


def changed_bodies(lake: Lake, tables: Collection[Table]) -> Iterator[Damage]:
    """Payloads of `tables` whose body is not the one that payload_id is the SHA-256 of.

    A repeated body is stored once, elsewhere: then the body is empty and body_fetched_at is set (ADR 0014).
    Files that are missing or cannot be decoded are left to scrub_table.

    Raises:
        LakeError: a table cannot be read.
    """
    for table in {RAW_PAYLOADS, DEAD_LETTERS} & set(tables):
        try:
            live = live_data_files(open_table(lake, table))
        except TableNotFoundError:
            continue
        store, root = lake.file_system()
        for path in live:
            place = f"{root}/{table.layer}/{table.name}/{path}"
            yield from (Damage(table, path, fault) for fault in _changed_in(store, place))


def changed_files(lake: Lake, tables: Collection[Table]) -> Iterator[Damage]:
    """Flat files of the landing zone whose bytes are not those that file_id is the SHA-256 of.

    Raises:
        LakeError: bronze.raw_files cannot be read.
    """
    if RAW_FILES not in tables:
        return
    store, root = lake.file_system()
    for row in read_rows(lake, RAW_FILES, ["path", "file_id"]).to_pylist():
        place = f"{root}/{row['path']}"
        if store.get_file_info(place).type == fs.FileType.File and _sha256(store, place) != row["file_id"]:
            yield Damage(RAW_FILES, row["path"], "differs from its file_id")


def _changed_in(store: fs.FileSystem, place: str) -> Iterator[str]:
    try:
        with store.open_input_file(place) as source:
            file = pq.ParquetFile(source)
            names = set(file.schema_arrow.names)
            columns = [name for name in _COLUMNS if name in names]
            for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
                yield from filter(None, map(_fault, batch.to_pylist()))
    except (pa.ArrowException, OSError, ValueError):
        return


def _fault(row: dict[str, object]) -> str | None:
    body = row["body"]
    if not isinstance(body, bytes) or (not body and row.get("body_fetched_at") is not None):
        return None
    if hashlib.sha256(body).hexdigest() == row["payload_id"]:
        return None
    return (
        f"has a changed body: payload {row['payload_id']} ({row['provider']} {row['dataset']} "
        f"{row['symbol']}, received {row['fetched_at']})"
    )


def _sha256(store: fs.FileSystem, place: str) -> str:
    digest = hashlib.sha256()
    with store.open_input_stream(place, compression=None) as source:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
