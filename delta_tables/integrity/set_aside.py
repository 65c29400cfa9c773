"""Sets a damaged table aside and takes over its readable rows; nothing is deleted."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import write_deltalake
from pyarrow import fs

from delta_tables.storage.arrow_io import COMPRESSED, arrow_schema
from delta_tables.storage.checksums import checksums_file, parse_checksums, sha256_of
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.table_commit import table_commit
from delta_tables.table import Table

DAMAGED = "_damaged"  # the folder below the lake's root for what was set aside


def set_aside(lake: Lake, table: Table, run_id: str) -> str:
    """Moves the table to `_damaged/<run_id>/<layer>/<name>` below the lake's root; returns that path.

    Raises:
        LakeError: it cannot be moved.
    """
    path = f"{DAMAGED}/{run_id}/{table.layer}/{table.name}"
    try:
        if lake.is_s3:
            _move_objects(lake, f"{table.layer}/{table.name}", path)
        else:
            _move_folder(lake, table, path)
    except OSError as error:
        raise LakeError(f"{table.full_name} cannot be moved to {lake.root}/{path} ({error})") from None
    return path


def take_over_rows(lake: Lake, table: Table, path: str) -> tuple[int, list[str]]:
    """Appends the rows of all sound data files below `path` to the table, each row once.

    Returns how many rows were appended, and the files that cannot be read or differ from their checksum,
    whose rows were left there. Files of commits that were lost are taken over, too.

    Raises:
        LakeError: the rows could not be stored.
    """
    seen: set[tuple[object, ...]] = set()
    appended, unsound = 0, []
    for name, rows in _files(lake, table, path):
        if rows is None:
            unsound.append(name)
            continue
        new = _unseen(rows, seen)
        if new.num_rows:
            with table_commit(lake, table):
                write_deltalake(
                    lake.uri(table),
                    new,
                    mode="append",
                    storage_options=dict(lake.options),
                    writer_properties=COMPRESSED,
                )
        appended += new.num_rows
    return appended, unsound


def _move_folder(lake: Lake, table: Table, path: str) -> None:
    target = Path(lake.root) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    checksums = checksums_file(lake, table)
    os.rename(Path(lake.root) / table.layer / table.name, target)
    if checksums.exists():
        os.rename(checksums, target.parent / checksums.name)


def _move_objects(lake: Lake, source: str, target: str) -> None:
    store, root = lake.file_system()
    fs.copy_files(f"{root}/{source}", f"{root}/{target}", store, store)
    store.delete_dir(f"{root}/{source}")


def _files(lake: Lake, table: Table, path: str) -> Iterator[tuple[str, pa.Table | None]]:
    """The table's data files below the path with their rows, oldest first; None for an unsound file."""
    store, root = lake.file_system()
    found = store.get_file_info(fs.FileSelector(f"{root}/{path}", recursive=True))
    files = [
        info for info in found if info.type == fs.FileType.File and _is_data(info.path, f"{root}/{path}")
    ]
    checksums = {} if lake.is_s3 else _checksums(lake, table, path)
    for info in sorted(files, key=lambda info: (info.mtime_ns, info.path)):
        name = info.path.removeprefix(f"{root}/{path}/")
        yield name, _rows(store, table, info.path, checksums.get(name))


def _is_data(file: str, folder: str) -> bool:
    parts = file.removeprefix(f"{folder}/").split("/")
    return file.endswith(".parquet") and not any(part.startswith("_") for part in parts)


def _checksums(lake: Lake, table: Table, path: str) -> Mapping[str, str]:
    """The recorded checksums, by the path below the table's folder."""
    moved = (Path(lake.root) / path).parent / checksums_file(lake, table).name
    prefix = f"{table.layer}/{table.name}/"
    return {name.removeprefix(prefix): sha for name, sha in parse_checksums(moved).items()}


def _rows(store: fs.FileSystem, table: Table, place: str, checksum: str | None) -> pa.Table | None:
    """The file's rows in the declared columns; a column that the file lacks is null."""
    if checksum is not None and sha256_of(Path(place)) != checksum:
        return None
    declared = arrow_schema(table)
    try:
        with store.open_input_file(place) as source:
            found = pq.ParquetFile(source, page_checksum_verification=True).read()
        columns = [
            found[field.name].cast(field.type)
            if field.name in found.schema.names
            else pa.nulls(found.num_rows, field.type)
            for field in declared
        ]
        return pa.Table.from_arrays(columns, schema=declared)
    except (pa.ArrowException, OSError, ValueError):
        return None


def _unseen(rows: pa.Table, seen: set[tuple[object, ...]]) -> pa.Table:
    """The rows that were not seen before; a compaction leaves rows in two files."""
    names = [field.name for field in rows.schema if not pa.types.is_binary(field.type)]
    new = []
    for row in rows.select(names).to_pylist():
        key = tuple(str(row[name]) for name in names)
        new.append(key not in seen)
        seen.add(key)
    return rows.filter(pa.array(new, pa.bool_()))
