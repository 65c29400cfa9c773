"""When sessions arrived: bars found in silver.bars, files in Bronze; read without an engine."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from delta_tables.storage.arrow_io import query_rows
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.bronze import RAW_FILES, RAW_PAYLOADS
from delta_tables.tables.silver import BARS
from flows.completeness.expected_sessions import FILES, Calendars, Expected
from flows.handlers import bse, massive

BarKey = tuple[str, str, str, date]
FileKey = tuple[str, str, date]
Learned = Sequence[tuple[datetime, int]]


@dataclass(frozen=True)
class Arrival:
    """When enough of a session had come (None: not yet), how many bars there are (None: a file)."""

    at: datetime | None
    bars: int | None = None
    expected_bars: int | None = None


@dataclass(frozen=True)
class Arrivals:
    """What has come: of bars how many were learned at each instant, of files when the first version did."""

    bars: Mapping[BarKey, Learned]
    files: Mapping[FileKey, datetime]

    def of(self, expected: Expected, enough_pct: float) -> Arrival:
        """How the session arrived; of several intervals that will do, the one that was there first."""
        series = expected.series
        if series.is_files:
            return Arrival(self.files.get((series.provider, series.dataset, expected.trade_dt)))
        found = [
            _arrival(
                self.bars.get((series.provider, series.symbol, interval, expected.trade_dt), ()), *needed
            )
            for interval, full in expected.bars.items()
            for needed in [(full, enough_pct)]
        ]
        return min(found, key=lambda each: (each.at is None, each.at or datetime.max.replace(tzinfo=UTC)))

    def first_at(self, expected: Expected) -> datetime | None:
        """When the first piece of the session came, enough or not."""
        series = expected.series
        if series.is_files:
            return self.files.get((series.provider, series.dataset, expected.trade_dt))
        learned = [self._learned(expected, interval) for interval in series.accepts]
        return min((at for each in learned for at, _ in each), default=None)

    def _learned(self, expected: Expected, interval: str) -> Learned:
        series = expected.series
        return self.bars.get((series.provider, series.symbol, interval, expected.trade_dt), ())


def arrivals(lake: Lake, days: Iterable[date]) -> Arrivals:
    """What has come of the sessions of these dates.

    Raises:
        LakeError: a table is there and cannot be read.
    """
    wanted = sorted(set(days))
    if not wanted:
        return Arrivals({}, {})
    return Arrivals(_bars(lake, wanted), {**_flat_files(lake, wanted), **_bhavcopies(lake, wanted)})


def known_calendars(lake: Lake, since: date) -> Calendars:
    """The calendar that the bars of each (provider, symbol) have, of those from `since` on.

    Raises:
        LakeError: silver.bars is there and cannot be read.
    """
    first, year = _literal(since), _literal(since.replace(month=1, day=1))
    rows = _select(
        lake,
        BARS,
        "SELECT DISTINCT provider, symbol, calendar FROM stored "  # noqa: S608 - dates
        f"WHERE provider NOT IN {_files()} AND trade_dt >= {first} "
        f"AND (partition_dt >= {first} OR partition_dt = {year})",
    )
    return {(row["provider"], row["symbol"]): row["calendar"] for row in rows}


def _arrival(learned: Learned, full: int, enough_pct: float) -> Arrival:
    needed = max(1, math.ceil(full * enough_pct / 100))
    found, at = 0, None
    for instant, count in learned:
        found += count
        if at is None and found >= needed:
            at = instant
    return Arrival(at, found, full)


def _bars(lake: Lake, days: Sequence[date]) -> dict[BarKey, Learned]:
    """How many bars of a session were learned when; a correction later on does not count again."""
    partitions = {*days, *(day.replace(month=1, day=1) for day in days)}
    rows = _select(
        lake,
        BARS,
        'SELECT provider, symbol, "interval", trade_dt, learned_at, count(*) AS bars FROM ('  # noqa: S608 - dates
        'SELECT provider, symbol, "interval", trade_dt, min(known_from) AS learned_at FROM stored '
        f"WHERE trade_dt IN ({_literals(days)}) AND partition_dt IN ({_literals(sorted(partitions))}) "
        f"AND session IN ('regular', '24x7') AND provider NOT IN {_files()} "
        'GROUP BY provider, symbol, "interval", trade_dt, "timestamp") '
        'GROUP BY provider, symbol, "interval", trade_dt, learned_at ORDER BY learned_at',
    )
    found: defaultdict[BarKey, list[tuple[datetime, int]]] = defaultdict(list)
    for row in rows:
        key = (row["provider"], row["symbol"], row["interval"], row["trade_dt"])
        found[key].append((row["learned_at"], row["bars"]))
    return dict(found)


def _flat_files(lake: Lake, days: Sequence[date]) -> dict[FileKey, datetime]:
    rows = _select(
        lake,
        RAW_FILES,
        "SELECT dataset, file_dt, min(fetched_at) AS at FROM stored "  # noqa: S608 - dates
        f"WHERE provider = '{massive.MANIFEST.name}' AND file_dt IN ({_literals(days)}) "
        "GROUP BY dataset, file_dt",
    )
    return {(massive.MANIFEST.name, row["dataset"], row["file_dt"]): row["at"] for row in rows}


def _bhavcopies(lake: Lake, days: Sequence[date]) -> dict[FileKey, datetime]:
    """The Bombay exchange's files are payloads: the day is in the name that was asked for."""
    first = datetime.combine(days[0], time(), UTC)
    rows = _select(
        lake,
        RAW_PAYLOADS,
        "SELECT request, min(fetched_at) AS at FROM stored "  # noqa: S608 - our names, an instant
        f"WHERE provider = '{bse.MANIFEST.name}' AND dataset = 'bhavcopy' "
        f"AND fetched_at >= timestamp '{first.isoformat()}' GROUP BY request",
    )
    by_name = {row["request"].partition("?")[0].rpartition("/")[2]: row["at"] for row in rows}
    found = {day: [by_name[name] for name in bse.file_names(day) if name in by_name] for day in days}
    return {
        (bse.MANIFEST.name, "bhavcopy", day): min(instants) for day, instants in found.items() if instants
    }


def _select(lake: Lake, table: Table, sql: str) -> list[dict[str, Any]]:
    found = query_rows(lake, table, sql)
    return [] if found is None else found.to_pylist()


def _files() -> str:
    return "(" + ", ".join(f"'{name}'" for name in FILES) + ")"


def _literal(day: date) -> str:
    return f"date '{day.isoformat()}'"


def _literals(days: Iterable[date]) -> str:
    return ", ".join(map(_literal, days))
