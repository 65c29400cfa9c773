"""The current version of a table and the files of each of its partitions, with a cheap check for changes."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from threading import Lock

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from delta_tables.storage.arrow_stream import arrow_table
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.table_log import require_whole_log
from serving.read.tables import EXCLUDED_COLUMNS, ReadableTable

Clock = Callable[[], float]
# A table that was moved away and rebuilt has lower versions; only opening it again detects that.
_REOPEN_SECONDS = 60.0


@dataclass(frozen=True)
class Snapshot:
    """One version of a table, for reading; `stored` always stays at this version.

    `partitions` maps each partition to a digest of its files. Data files never change, so an equal digest
    means equal rows, whatever versions lie between: a cached chunk survives commits to other partitions.
    """

    table: ReadableTable
    stored: DeltaTable
    version: int
    table_id: str
    schema: pa.Schema
    partitions: Mapping[date, str]

    @property
    def identity(self) -> tuple[str, int]:
        """The table's Delta id and version, unique to this snapshot."""
        return self.table_id, self.version


class Snapshots:
    """The newest snapshot of one table; safe to use from any number of threads."""

    def __init__(self, lake: Lake, table: ReadableTable, check_every: timedelta | None, clock: Clock) -> None:
        """`check_every` is the largest age of a snapshot; None keeps the first version for good."""
        self._lake, self._table, self._clock = lake, table, clock
        self._check_seconds = check_every.total_seconds() if check_every is not None else None
        self._lock = Lock()
        self._snapshot: Snapshot | None = None
        self._probe: DeltaTable | None = None
        self._checked_at = self._opened_at = 0.0

    def current(self) -> Snapshot:
        """The table's snapshot, at most `check_every` old; one thread checks for all that wait.

        Raises:
            LakeError: the table does not exist or cannot be read.
        """
        requested_at = self._clock()
        with self._lock:
            if self._snapshot is None or self._is_stale(requested_at):
                self._snapshot = self._check()
            return self._snapshot

    def _is_stale(self, requested_at: float) -> bool:
        return self._check_seconds is not None and self._checked_at < requested_at - self._check_seconds

    def _check(self) -> Snapshot:
        started_at = self._clock()
        probe = self._updated_probe(started_at)
        self._checked_at = started_at
        current = self._snapshot
        if current and current.identity == (str(probe.metadata().id), probe.version()):
            self._probe = probe
            return current
        self._probe = None  # it becomes the snapshot's own table and is not updated any more
        return _snapshot(self._table, probe)

    def _updated_probe(self, now: float) -> DeltaTable:
        try:
            if self._probe is not None and now - self._opened_at < _REOPEN_SECONDS:
                self._probe.update_incremental()
                return self._probe
            require_whole_log(self._lake, self._table)
            opened = DeltaTable(self._lake.uri(self._table), storage_options=dict(self._lake.options))
        except TableNotFoundError:
            raise LakeError(
                f"there is no {self._table.full_name} in {self._lake.root}; check that this is the lake's "
                "folder, or fill the lake with `lakehouse run`"
            ) from None
        except (DeltaError, OSError, ValueError) as error:
            raise _unreadable(self._lake, self._table, error) from None
        self._opened_at = now
        return opened


def query(lake: Lake, snapshots: Mapping[str, Snapshot], sql: str) -> pa.Table:
    """The result of a SELECT over the snapshots, each registered under its key.

    Raises:
        LakeError: a data file is damaged or missing.
    """
    builder = QueryBuilder()
    for name, snapshot in snapshots.items():
        builder.register(name, snapshot.stored)
    try:
        return arrow_table(builder.execute(sql))
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise _unreadable(lake, next(iter(snapshots.values())).table, error) from None


def _snapshot(table: ReadableTable, stored: DeltaTable) -> Snapshot:
    schema = pa.schema(stored.schema().to_arrow())
    return Snapshot(
        table,
        stored,
        stored.version(),
        str(stored.metadata().id),
        pa.schema(_chunk_field(field, table) for field in schema if field.name not in EXCLUDED_COLUMNS),
        _partition_digests(table, stored),
    )


def _chunk_field(field: pa.Field, table: ReadableTable) -> pa.Field:
    """The field's type in chunks: text is dictionary-encoded, which pandas and Polars call categorical."""
    if pa.types.is_string(field.type) and field.name not in table.plain:
        return pa.field(field.name, pa.dictionary(pa.int32(), pa.string()))
    return pa.field(field.name, field.type)


def _partition_digests(table: ReadableTable, stored: DeltaTable) -> dict[date, str]:
    if not table.partition:
        return {}
    salt = f"{stored.metadata().id}"
    if "deletionVectors" in (stored.protocol().reader_features or ()):
        salt += f" {stored.version()}"  # rows of a file can be deleted, so only the version is reliable
    files: dict[date, list[str]] = defaultdict(list)
    actions = arrow_table(stored.get_add_actions(flatten=True))
    days, paths = actions[f"partition.{table.partition}"], actions["path"]
    for day, path in zip(days.to_pylist(), paths.to_pylist(), strict=True):
        files[day].append(path)
    return {day: _digest(salt, day, files[day]) for day in sorted(files)}


def _digest(salt: str, day: date, paths: list[str]) -> str:
    text = "\n".join([salt, day.isoformat(), *sorted(paths)])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _unreadable(lake: Lake, table: ReadableTable, error: BaseException) -> LakeError:
    from delta_tables.storage.create_tables import first_line  # noqa: PLC0415 - imports pyspark's types

    return LakeError(
        f"{table.full_name}: the table at {lake.uri(table)} is damaged or one of its files is missing "
        f"({first_line(error)}); if `lakehouse maintain` ran since the reader was opened, open it again; "
        "otherwise restore the table from a backup, or move its folder away and build it again"
    )
