"""When markets trade: sessions, half days and the bars to expect, from exchange_calendars.

The package knows regular hours only. Extended hours of US stocks are 04:00 to 20:00 New York; on a
half day they end at 17:00 (13:00 close).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
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

FIRST_SESSION = "1990-01-01"  # session numbers count from here: never move it
CALENDAR_OF = {"stock": "XNYS", "fx": "24/5"}
NEW_YORK = ZoneInfo("America/New_York")

SESSIONS_SCHEMA = StructType(
    [
        StructField("asset_class", StringType(), False),
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


@dataclass(frozen=True)
class Session:
    """One trading session; instants are UTC, `session_no` counts the calendar's sessions."""

    asset_class: str
    trade_dt: date
    session_no: int
    pre_open_at: datetime
    open_at: datetime
    close_at: datetime
    post_close_at: datetime
    day_end_at: datetime
    is_half_day: bool


def sessions(asset_class: str) -> tuple[Session, ...]:
    """Every session of the asset class's calendar from 1990 to a year ahead."""
    return _sessions(asset_class)


def sessions_between(asset_class: str, start: date, end: date) -> tuple[Session, ...]:
    """The sessions from `start` to `end`, both included."""
    return tuple(each for each in sessions(asset_class) if start <= each.trade_dt <= end)


def sessions_frame(spark: SparkSession, start: date, end: date) -> DataFrame:
    """The sessions of all calendars from `start` to `end`, both included, as SESSIONS_SCHEMA."""
    rows = [
        tuple(vars(each).values())
        for asset_class in CALENDAR_OF
        for each in sessions_between(asset_class, start, end)
    ]
    return spark.createDataFrame(rows, SESSIONS_SCHEMA)


@cache
def _sessions(asset_class: str) -> tuple[Session, ...]:
    import exchange_calendars  # noqa: PLC0415 - imports for over a second; many commands do without

    calendar = exchange_calendars.get_calendar(CALENDAR_OF[asset_class], start=FIRST_SESSION)
    build = _stock_session if asset_class == "stock" else _fx_session
    return tuple(build(number, *times) for number, times in enumerate(_times(calendar)))


def _times(calendar: Any) -> Iterator[tuple[date, datetime, datetime]]:  # noqa: ANN401 - untyped library
    schedule = calendar.schedule
    for label, opened, closed in zip(schedule.index, schedule["open"], schedule["close"], strict=True):
        yield label.date(), opened.to_pydatetime(), closed.to_pydatetime()


def _stock_session(number: int, day: date, opened: datetime, closed: datetime) -> Session:
    is_half_day = closed.astimezone(NEW_YORK).time() < time(16)
    return Session(
        "stock",
        day,
        number,
        _new_york(day, time(4)),
        opened,
        closed,
        _new_york(day, time(17 if is_half_day else 20)),
        _new_york(day + timedelta(days=1), time(0)),
        is_half_day,
    )


def _fx_session(number: int, day: date, _opened: datetime, _closed: datetime) -> Session:
    start = datetime.combine(day, time(0), UTC)
    end = start + timedelta(days=1)
    return Session("fx", day, number, start, start, end, end, end, is_half_day=False)


def _new_york(day: date, at: time) -> datetime:
    return datetime.combine(day, at, NEW_YORK).astimezone(UTC)
