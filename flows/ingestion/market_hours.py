"""Why a scheduled run has nothing to do: its exchange is closed."""

from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from jobs.market_calendar.sessions import ZONE_OF, sessions_between

# The calendars with closed days, of those that jobs/market_calendar/sessions.py knows.
Exchange = Literal[
    "XNYS", "CMES", "XAMS", "XASX", "XBOM", "XBRU", "XCSE", "XETR", "XFRA", "XHEL", "XHKG", "XIDX", "XKRX",
    "XLIS", "XLON", "XMAD", "XMIL", "XOSL", "XPAR", "XSTO", "XSWX", "XTKS", "XTSE",
]  # fmt: skip

AFTER_CLOSE: Final = timedelta(minutes=20)  # by then a provider has the last bars of the session


def closed_reason(calendar: str, at: datetime) -> str | None:
    """Says that the exchange has no session on the day of this instant; None if it has one.

    Raises:
        ValueError: there is no such calendar.
    """
    day = at.astimezone(ZoneInfo(ZONE_OF.get(calendar, "UTC"))).date()
    if sessions_between(calendar, day, day):
        return None
    return f"{calendar} is closed on {day:%A, %Y-%m-%d}"


def outside_hours_reason(calendar: str, at: datetime) -> str | None:
    """Says that this instant is outside the exchange's regular hours; None if it is within.

    The hours end 20 minutes after the close.

    Raises:
        ValueError: there is no such calendar.
    """
    if closed := closed_reason(calendar, at):
        return closed
    zone = ZoneInfo(ZONE_OF[calendar])
    day = at.astimezone(zone).date()
    (session,) = sessions_between(calendar, day, day)
    if session.open_at <= at <= session.close_at + AFTER_CLOSE:
        return None
    opens, closes = (f"{edge.astimezone(zone):%H:%M}" for edge in (session.open_at, session.close_at))
    return f"{calendar} trades from {opens} to {closes} on {day}, and it is {at.astimezone(zone):%H:%M}"
