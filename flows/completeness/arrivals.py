"""When sessions arrived: bars in silver.bars, files in Bronze; read without a Spark session."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from delta_tables.intervals import year_partition
from delta_tables.storage.arrow_io import query_rows
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.bronze import RAW_FILES, RAW_PAYLOADS
from delta_tables.tables.silver import BARS
from flows.completeness.expected_sessions import Calendars, ExpectedSession
from flows.ingestion.registry import FILE_SOURCES, PAYLOAD_SOURCES, SOURCES
from flows.ingestion.source import PayloadSource, has_session_files

BarKey = tuple[str, str, str, date]  # provider, symbol, interval, session
FileKey = tuple[str, str, date]  # provider, dataset, session
BarCounts = Sequence[tuple[datetime, int]]  # how many bars came at each instant, the oldest first


@dataclass(frozen=True)
class Arrival:
    """When enough of a session had arrived (None: not yet), and its number of bars (None: a file)."""

    at: datetime | None
    bars: int | None = None
    expected_bars: int | None = None


@dataclass(frozen=True)
class Arrivals:
    """How many bars of each session came at each instant; when the first version of each file came."""

    bars: Mapping[BarKey, BarCounts]
    files: Mapping[FileKey, datetime]

    def of(self, expected: ExpectedSession, min_bars_pct: float) -> Arrival:
        """How the session arrived; of several accepted intervals the one that was complete first."""
        series = expected.series
        if series.is_files:
            return Arrival(self.files.get((series.provider, series.dataset, expected.trade_dt)))
        by_interval = [
            _arrival(self._counts(expected, interval), full, min_bars_pct)
            for interval, full in expected.bars.items()
        ]
        return min(
            by_interval,
            key=lambda arrival: (arrival.at is None, arrival.at or datetime.max.replace(tzinfo=UTC)),
        )

    def first_at(self, expected: ExpectedSession) -> datetime | None:
        """When the first part of the session came, enough or not."""
        series = expected.series
        if series.is_files:
            return self.files.get((series.provider, series.dataset, expected.trade_dt))
        counts = [self._counts(expected, interval) for interval in series.accepts]
        return min((at for of_interval in counts for at, _ in of_interval), default=None)

    def _counts(self, expected: ExpectedSession, interval: str) -> BarCounts:
        series = expected.series
        return self.bars.get((series.provider, series.symbol, interval, expected.trade_dt), ())


def arrivals(lake: Lake, days: Iterable[date]) -> Arrivals:
    """What has arrived of the sessions of these dates.

    Raises:
        LakeError: a table exists and cannot be read.
    """
    ordered = sorted(set(days))
    if not ordered:
        return Arrivals({}, {})
    files = _flat_files(lake, ordered)
    for source in PAYLOAD_SOURCES.values():
        files |= _payload_files(lake, source, ordered)
    return Arrivals(_bars(lake, ordered), files)


def known_calendars(lake: Lake, since: date) -> Calendars:
    """The calendar of the bars of each (provider, symbol), from the sessions since this date.

    Raises:
        LakeError: silver.bars exists and cannot be read.
    """
    first, year = _literal(since), _literal(year_partition(since))
    rows = _select(
        lake,
        BARS,
        "SELECT DISTINCT provider, symbol, calendar FROM stored "  # noqa: S608 - dates
        f"WHERE provider NOT IN {_file_providers()} AND trade_dt >= {first} "
        f"AND (partition_dt >= {first} OR partition_dt = {year})",
    )
    return {(row["provider"], row["symbol"]): row["calendar"] for row in rows}


def _arrival(counts: BarCounts, full: int, min_bars_pct: float) -> Arrival:
    needed = max(1, math.ceil(full * min_bars_pct / 100))
    total, at = 0, None
    for instant, count in counts:
        total += count
        if at is None and total >= needed:
            at = instant
    return Arrival(at, total, full)


def _bars(lake: Lake, days: Sequence[date]) -> dict[BarKey, BarCounts]:
    """How many bars of each session came when; a later correction of a bar does not count again."""
    partitions = {*days, *map(year_partition, days)}
    rows = _select(
        lake,
        BARS,
        'SELECT provider, symbol, "interval", trade_dt, came_at, count(*) AS bars FROM ('  # noqa: S608 - dates
        'SELECT provider, symbol, "interval", trade_dt, min(known_from) AS came_at FROM stored '
        f"WHERE trade_dt IN ({_literals(days)}) AND partition_dt IN ({_literals(sorted(partitions))}) "
        f"AND session IN ('regular', '24x7') AND provider NOT IN {_file_providers()} "
        'GROUP BY provider, symbol, "interval", trade_dt, "timestamp") '
        'GROUP BY provider, symbol, "interval", trade_dt, came_at ORDER BY came_at',
    )
    counts: defaultdict[BarKey, list[tuple[datetime, int]]] = defaultdict(list)
    for row in rows:
        key = (row["provider"], row["symbol"], row["interval"], row["trade_dt"])
        counts[key].append((row["came_at"], row["bars"]))
    return dict(counts)


def _flat_files(lake: Lake, days: Sequence[date]) -> dict[FileKey, datetime]:
    """When the first version of each flat file of these sessions landed."""
    rows = _select(
        lake,
        RAW_FILES,
        "SELECT provider, dataset, file_dt, min(fetched_at) AS at FROM stored "  # noqa: S608 - dates
        f"WHERE provider IN {_names(FILE_SOURCES)} AND file_dt IN ({_literals(days)}) "
        "GROUP BY provider, dataset, file_dt",
    )
    return {(row["provider"], row["dataset"], row["file_dt"]): row["at"] for row in rows}


def _payload_files(lake: Lake, source: PayloadSource, days: Sequence[date]) -> dict[FileKey, datetime]:
    """When the payload of each session landed, by the file name in its request; none for other providers."""
    if source.file_names is None:
        return {}
    first = datetime.combine(days[0], time(), UTC)
    rows = _select(
        lake,
        RAW_PAYLOADS,
        "SELECT dataset, request, min(fetched_at) AS at FROM stored "  # noqa: S608 - our names, an instant
        f"WHERE provider = '{source.name}' AND dataset IN {_names(source.publications)} "
        f"AND fetched_at >= timestamp '{first.isoformat()}' GROUP BY dataset, request",
    )
    day_of = {name: day for day in days for name in source.file_names(day)}
    landed: dict[FileKey, datetime] = {}
    for row in rows:
        name = row["request"].partition("?")[0].rpartition("/")[2]
        if name in day_of:
            key = (source.name, row["dataset"], day_of[name])
            landed[key] = min(row["at"], landed.get(key, row["at"]))
    return landed


def _select(lake: Lake, table: Table, sql: str) -> list[dict[str, Any]]:
    selected = query_rows(lake, table, sql)
    return [] if selected is None else selected.to_pylist()


def _file_providers() -> str:
    return _names(source.name for source in SOURCES.values() if has_session_files(source))


def _names(names: Iterable[str]) -> str:
    return "(" + ", ".join(f"'{name}'" for name in names) + ")"


def _literal(day: date) -> str:
    return f"date '{day.isoformat()}'"


def _literals(days: Iterable[date]) -> str:
    return ", ".join(map(_literal, days))
