"""The regular trading session in New York, for the year of the simulator's histories."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
OPENING_TIME = time(9, 30)
NS_PER_SECOND = 1_000_000_000

_FULL_SESSION_MINUTES = 390
_HALF_SESSION_MINUTES = 210
# The day after Thanksgiving and Christmas Eve: the exchange closed at 13:00.
_HALF_DAYS = frozenset({date(2009, 11, 27), date(2009, 12, 24)})


def session_minutes(trade_dt: date) -> int:
    """The length of the regular session in minutes: 390, or 210 on the two half days of the year."""
    return _HALF_SESSION_MINUTES if trade_dt in _HALF_DAYS else _FULL_SESSION_MINUTES


def local_opening(trade_dt: date) -> datetime:
    """09:30 of the day as naive New York time."""
    return datetime.combine(trade_dt, OPENING_TIME)


@lru_cache(maxsize=512)
def session_close(trade_dt: date) -> datetime:
    """The instant at which the regular session ends: 16:00 New York, or 13:00 on half days."""
    return as_instant(local_opening(trade_dt) + timedelta(minutes=session_minutes(trade_dt)))


def as_instant(local: datetime) -> datetime:
    """The instant of a naive New York time."""
    return local.replace(tzinfo=NEW_YORK)


def as_epoch_ns(local: datetime) -> int:
    """The nanoseconds since the epoch of a naive New York time in whole seconds."""
    return int(as_instant(local).timestamp()) * NS_PER_SECOND
