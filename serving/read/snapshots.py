"""What a table holds right now: its version, and for each partition which files; checked cheaply."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from threading import Lock

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from delta_tables.storage.lake import Lake, LakeError
from serving.read.series import EXCLUDED_COLUMNS, ReadableTable

Clock = Callable[[], float]
# A table that was moved away and built again has lower versions, which only opening it anew can see.
_REOPEN_SECONDS = 60.0


@dataclass(frozen=True)
class Snapshot:
    """One version of a table, for reading; `stored` is never moved to another version.

    `partitions` gives for each partition a digest of its files. Data files are never changed, so the same
    digest means the same rows, whatever versions came between: a chunk outlives commits to other days.
    """

    series: ReadableTable
    stored: DeltaTable
    version: int
    table_id: str
    schema: pa.Schema
    partitions: Mapping[date, str]

    @property
    def identity(self) -> tuple[str, int]:
        """What tells this version of this table from any other."""
        return self.table_id, self.version


class Snapshots:
    """The newest snapshot of one table, for any number of threads."""

    def __init__(
        self, lake: Lake, series: ReadableTable, check_every: timedelta | None, clock: Clock
    ) -> None:
        """`check_every` is how old an answer may be; None holds on to the first version for ever."""
        self._lake, self._series, self._clock = lake, series, clock
        self._check_seconds = check_every.total_seconds() if check_every is not None else None
        self._lock = Lock()
        self._held: Snapshot | None = None
        self._probe: DeltaTable | None = None
        self._checked_at = self._opened_at = 0.0

    def current(self) -> Snapshot:
        """The table as it is, at most `check_every` ago; of threads that wait, one looks for all.

        Raises:
            LakeError: the table does not exist or cannot be read.
        """
        asked_at = self._clock()
        with self._lock:
            if self._held is None or self._is_stale(asked_at):
                self._held = self._looked_up()
            return self._held

    def _is_stale(self, asked_at: float) -> bool:
        return self._check_seconds is not None and self._checked_at < asked_at - self._check_seconds

    def _looked_up(self) -> Snapshot:
        began = self._clock()
        probe = self._moved_on(began)
        self._checked_at = began
        held = self._held
        if held and held.identity == (str(probe.metadata().id), probe.version()):
            self._probe = probe
            return held
        self._probe = None  # it becomes the snapshot's own and is not moved any more
        return _snapshot(self._series, probe)

    def _moved_on(self, now: float) -> DeltaTable:
        try:
            if self._probe is not None and now - self._opened_at < _REOPEN_SECONDS:
                self._probe.update_incremental()
                return self._probe
            opened = DeltaTable(self._lake.uri(self._series), storage_options=dict(self._lake.options))
        except TableNotFoundError:
            raise LakeError(
                f"no {self._series.full_name} at {self._lake.root}: is it the lake's folder? "
                "`lakehouse run` fills a lake"
            ) from None
        except (DeltaError, OSError, ValueError) as error:
            raise _unreadable(self._lake, self._series, error) from None
        self._opened_at = now
        return opened


def query(lake: Lake, snapshots: Mapping[str, Snapshot], sql: str) -> pa.Table:
    """What the SELECT gives over the snapshots, each a table under its name.

    Raises:
        LakeError: a data file is damaged or missing.
    """
    builder = QueryBuilder()
    for name, snapshot in snapshots.items():
        builder.register(name, snapshot.stored)
    try:
        return _arrow(builder.execute(sql))
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise _unreadable(lake, next(iter(snapshots.values())).series, error) from None


def _arrow(stream: object) -> pa.Table:
    """delta-rs' answer as pyarrow's; pyarrow.table would import pandas, half a second."""
    return pa.RecordBatchReader.from_stream(stream).read_all()


def _snapshot(series: ReadableTable, stored: DeltaTable) -> Snapshot:
    schema = pa.schema(stored.schema().to_arrow())
    return Snapshot(
        series,
        stored,
        stored.version(),
        str(stored.metadata().id),
        pa.schema(_kept(field, series) for field in schema if field.name not in EXCLUDED_COLUMNS),
        _partitions(series, stored),
    )


def _kept(field: pa.Field, series: ReadableTable) -> pa.Field:
    """The field as chunks have it: texts as dictionaries, which pandas and Polars call categories."""
    if pa.types.is_string(field.type) and field.name not in series.plain:
        return pa.field(field.name, pa.dictionary(pa.int32(), pa.string()))
    return pa.field(field.name, field.type)


def _partitions(series: ReadableTable, stored: DeltaTable) -> dict[date, str]:
    if not series.partition:
        return {}
    salt = f"{stored.metadata().id}"
    if "deletionVectors" in (stored.protocol().reader_features or ()):
        salt += f" {stored.version()}"  # rows of a file may vanish: only the version is sure
    files: dict[date, list[str]] = defaultdict(list)
    actions = _arrow(stored.get_add_actions(flatten=True))
    days, paths = actions[f"partition.{series.partition}"], actions["path"]
    for day, path in zip(days.to_pylist(), paths.to_pylist(), strict=True):
        files[day].append(path)
    return {day: _digest(salt, day, files[day]) for day in sorted(files)}


def _digest(salt: str, day: date, paths: list[str]) -> str:
    text = "\n".join([salt, day.isoformat(), *sorted(paths)])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _unreadable(lake: Lake, series: ReadableTable, error: BaseException) -> LakeError:
    from delta_tables.storage.create_tables import first_line  # noqa: PLC0415 - imports pyspark's types

    return LakeError(
        f"{series.full_name}: the table at {lake.uri(series)} is damaged or a file of it is missing "
        f"({first_line(error)}); a reader that holds on to an old version has to be opened again after "
        "`lakehouse maintain`; else restore from a backup, or move the folder away and build again"
    )
