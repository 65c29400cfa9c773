"""Trading sessions of exchanges, with half days and extended hours, from exchange_calendars.

The package knows regular hours only. Extended hours of US stocks are 04:00 to 20:00 New York; on a half day
(13:00 close) they end at 17:00. session_overrides.toml corrects what the package does not know or has wrong,
each entry with its source.
"""

import tomllib
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import (
    BooleanType,
    DateType,
    IntegerType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from jobs.market_calendar.session import Session
from jobs.market_calendar.session_cache import cached_sessions

FIRST_SESSION = "1990-01-01"  # session numbers count from this day: never change it
OVERRIDES = Path(__file__).parent / "session_overrides.toml"
STOCKS_US, FX, CRYPTO = "XNYS", "24/5", "24/7"
NEW_YORK = ZoneInfo("America/New_York")

# The calendars that bars can have, and the time zone of their wall clocks.
ZONE_OF = {
    STOCKS_US: "America/New_York",
    FX: "UTC",
    CRYPTO: "UTC",
    "CMES": "America/Chicago",
    "XAMS": "Europe/Amsterdam",
    "XASX": "Australia/Sydney",
    "XBOM": "Asia/Kolkata",
    "XBRU": "Europe/Brussels",
    "XCSE": "Europe/Copenhagen",
    "XETR": "Europe/Berlin",
    "XFRA": "Europe/Berlin",
    "XHEL": "Europe/Helsinki",
    "XHKG": "Asia/Hong_Kong",
    "XIDX": "Asia/Jakarta",
    "XKRX": "Asia/Seoul",
    "XLIS": "Europe/Lisbon",
    "XLON": "Europe/London",
    "XMAD": "Europe/Madrid",
    "XMIL": "Europe/Rome",
    "XOSL": "Europe/Oslo",
    "XPAR": "Europe/Paris",
    "XSTO": "Europe/Stockholm",
    "XSWX": "Europe/Zurich",
    "XTKS": "Asia/Tokyo",
    "XTSE": "America/Toronto",
}
ALWAYS_OPEN = (FX, CRYPTO)

SESSIONS_SCHEMA = StructType(
    [
        StructField("calendar", StringType(), False),
        StructField("trade_dt", DateType(), False),
        StructField("session_no", IntegerType(), False),
        StructField("pre_open_at", TimestampType(), False),
        StructField("open_at", TimestampType(), False),
        StructField("close_at", TimestampType(), False),
        StructField("post_close_at", TimestampType(), False),
        StructField("day_end_at", TimestampType(), False),
        StructField("is_half_day", BooleanType(), False),
    ]
)


def calendar_sessions(calendar: str) -> tuple[Session, ...]:
    """Every session of the calendar from 1990 (or its first year known) to a year ahead, oldest first.

    Raises:
        ValueError: the calendar is not in ZONE_OF.
    """
    if calendar not in ZONE_OF:
        raise ValueError(f"There is no calendar {calendar!r}. Use one of: {', '.join(ZONE_OF)}.")
    return _sessions(calendar)


def sessions_between(calendar: str, start: date, end: date) -> tuple[Session, ...]:
    """The calendar's sessions from `start` to `end`, both included, oldest first."""
    return tuple(session for session in calendar_sessions(calendar) if start <= session.trade_dt <= end)


def sessions_frame(spark: SparkSession, calendars: Iterable[str], start: date, end: date) -> DataFrame:
    """One row per session of these calendars from `start` to `end` (both included), with SESSIONS_SCHEMA.

    Columns: calendar, trade_dt, session_no, pre_open_at, open_at, close_at, post_close_at, day_end_at (all
    UTC) and is_half_day.
    """
    rows = [
        tuple(vars(session).values())
        for calendar in sorted(set(calendars))
        for session in sessions_between(calendar, start, end)
    ]
    return spark.createDataFrame(rows, SESSIONS_SCHEMA)


@cache
def _sessions(name: str) -> tuple[Session, ...]:
    computed_from = OVERRIDES.read_bytes() + Path(__file__).read_bytes()
    return cached_sessions(name, computed_from, lambda: _computed_sessions(name))


def _computed_sessions(name: str) -> tuple[Session, ...]:
    import exchange_calendars  # noqa: PLC0415 - the import takes over a second, and many commands do not need it

    try:
        calendar = exchange_calendars.get_calendar(name, start=FIRST_SESSION)
    except ValueError:  # the package knows this calendar from a later day
        first = type(exchange_calendars.get_calendar(name)).bound_min()
        calendar = exchange_calendars.get_calendar(name, start=first)
    regular = {day: (opened, closed) for day, opened, closed in _times(calendar)}
    times = _overridden(name, regular)
    return tuple(_session(name, number, *hours) for number, hours in enumerate(times))


def _times(calendar: Any) -> Iterator[tuple[date, datetime, datetime]]:  # noqa: ANN401 - untyped library
    schedule = calendar.schedule
    for label, opened, closed in zip(schedule.index, schedule["open"], schedule["close"], strict=True):
        yield label.date(), opened.to_pydatetime(), closed.to_pydatetime()


def _overridden(
    name: str, regular: dict[date, tuple[datetime, datetime]]
) -> list[tuple[date, datetime, datetime]]:
    """The regular sessions, corrected by the overrides file."""
    zone = ZoneInfo(ZONE_OF[name])
    times = dict(regular)
    for entry in _overrides().get(name, []):
        if entry.get("is_closed"):
            times.pop(entry["day"], None)
        else:
            opened, closed = (datetime.combine(entry["day"], entry[at], zone) for at in ("open", "close"))
            times[entry["day"]] = (opened.astimezone(UTC), closed.astimezone(UTC))
    return [(day, *times[day]) for day in sorted(times)]


@cache
def _overrides() -> dict[str, list[dict[str, Any]]]:
    return tomllib.loads(OVERRIDES.read_text(encoding="utf-8"))


def _session(name: str, number: int, day: date, opened: datetime, closed: datetime) -> Session:
    if name in ALWAYS_OPEN:
        start = datetime.combine(day, time(0), UTC)
        end = start + timedelta(days=1)
        return Session(name, day, number, start, start, end, end, end, is_half_day=False)
    midnight = datetime.combine(day + timedelta(days=1), time(0), ZoneInfo(ZONE_OF[name])).astimezone(UTC)
    if name != STOCKS_US:
        return Session(name, day, number, opened, opened, closed, closed, midnight, is_half_day=False)
    is_half_day = closed.astimezone(NEW_YORK).time() < time(16)
    first, last = _new_york(day, time(4)), _new_york(day, time(17 if is_half_day else 20))
    return Session(name, day, number, first, opened, closed, last, midnight, is_half_day)


def _new_york(day: date, at: time) -> datetime:
    return datetime.combine(day, at, NEW_YORK).astimezone(UTC)
