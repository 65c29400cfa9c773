"""The clock of a run, which never goes back, and what a lake knows of earlier instants."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from config.load import ConfigError
from config.settings import Settings
from delta_tables.storage.arrow_io import query_rows
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.bronze import RAW_FILES, RAW_PAYLOADS
from delta_tables.tables.ops import RUNS

MAX_BEHIND = timedelta(minutes=5)
Clock = Callable[[], datetime]


def run_clock(lake: Lake, settings: Settings) -> Clock:
    """The market's clock of a run on this lake, which never goes back, nor behind what the lake has stamped.

    A correction is what was received later, so a clock that goes back would file new data as history.

    Raises:
        ConfigError: `simulated_now` has no time zone.
        LakeError: the clock is more than 5 minutes behind the newest stamp, and the settings do not allow it.
    """
    if settings.simulated_now is not None:
        return market_clock(_not_before_newest(lake, settings.simulated_now))
    now, newest = utc_now(), newest_stamp(lake)
    if newest is not None and newest - now > MAX_BEHIND and settings.clock_behind == "refuse":
        raise LakeError(
            f"this machine's clock says {now:%Y-%m-%d %H:%M:%S} UTC, but the newest stamp of the lake "
            f"{lake.root} is {newest:%Y-%m-%d %H:%M:%S}: what is fetched now would be filed before it. Set "
            "the clock right. If the clock was ahead before, wait until that time has passed, or set "
            '`clock_behind = "stamp_after"`: then what is fetched is stamped right after it'
        )
    return _clock_after(now if newest is None else max(now, newest + timedelta(milliseconds=1)))


def _clock_after(start: datetime) -> Clock:
    """The real clock, but never behind the time that has passed since `start`."""
    began = time.monotonic()
    return lambda: max(utc_now(), start + timedelta(seconds=time.monotonic() - began))


def newest_stamp(lake: Lake) -> datetime | None:
    """The newest instant at which a payload or file was received or a stage recorded, UTC; None if none was.

    Raises:
        LakeError: Bronze or ops.runs cannot be read.
    """
    rows = query_rows(lake, RUNS, "SELECT max(at) AS newest FROM stored")
    recorded = rows["newest"][0].as_py() if rows is not None else None
    return max((at for at in (newest_fetch(lake), recorded) if at is not None), default=None)


def _not_before_newest(lake: Lake, simulated_now: datetime | None) -> datetime | None:
    """The simulated instant, or that of the newest payload if it is later.

    A simulated clock starts at the same instant in each run, and what an earlier run received must not seem
    to come from the future.
    """
    if simulated_now is None or simulated_now.tzinfo is None:
        return simulated_now
    newest = newest_fetch(lake)
    return simulated_now if newest is None else max(simulated_now, newest + timedelta(milliseconds=1))


def newest_fetch(lake: Lake) -> datetime | None:
    """When the newest payload or file in Bronze was received, UTC; None if there is none.

    Raises:
        LakeError: Bronze cannot be read.
    """
    sql = "SELECT max(fetched_at) AS newest FROM stored"
    found = (query_rows(lake, table, sql) for table in (RAW_PAYLOADS, RAW_FILES))
    instants = [rows["newest"][0].as_py() for rows in found if rows is not None]
    return max((instant for instant in instants if instant is not None), default=None)


def market_clock(simulated_now: datetime | None) -> Clock:
    """A clock in UTC: the real one, or one that runs from `simulated_now` on.

    Raises:
        ConfigError: `simulated_now` has no time zone.
    """
    if simulated_now is None:
        return utc_now
    if simulated_now.tzinfo is None:
        raise ConfigError("simulated_now: an instant needs its zone, such as 2010-08-20T22:30:00Z")
    began = time.monotonic()
    start = simulated_now.astimezone(UTC)
    return lambda: start + timedelta(seconds=time.monotonic() - began)


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)
