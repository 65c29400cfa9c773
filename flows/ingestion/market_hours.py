"""Why a scheduled run has nothing to do: its exchange has no session then."""

from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from jobs.market_calendar.sessions import ZONE_OF, sessions_between

# The calendars with closed days, of those that jobs/market_calendar/sessions.py knows.
Exchange = Literal[
    "XNYS", "CMES", "XAMS", "XASX", "XBOM", "XBRU", "XCSE", "XETR", "XFRA", "XHEL", "XHKG", "XIDX", "XKRX",
    "XLIS", "XLON", "XMAD", "XMIL", "XOSL", "XPAR", "XSTO", "XSWX", "XTKS", "XTSE",
]  # fmt: skip

AFTER_CLOSE: Final = timedelta(minutes=20)  # a provider's last bars of the session come until then


def no_session_then(calendar: str, at: datetime) -> str | None:
    """Why a run at this instant has nothing to do: the exchange has no session on that day; else None.

    Raises:
        ValueError: there is no such calendar.
    """
    day = at.astimezone(ZoneInfo(ZONE_OF.get(calendar, "UTC"))).date()
    if sessions_between(calendar, day, day):
        return None
    return f"{calendar} is closed on {day:%A, %Y-%m-%d}"


def not_trading_then(calendar: str, at: datetime) -> str | None:
    """The same outside the session's regular hours, which here end 20 minutes after the close.

    Raises:
        ValueError: there is no such calendar.
    """
    if closed := no_session_then(calendar, at):
        return closed
    zone = ZoneInfo(ZONE_OF[calendar])
    day = at.astimezone(zone).date()
    (session,) = sessions_between(calendar, day, day)
    if session.open_at <= at <= session.close_at + AFTER_CLOSE:
        return None
    opened, closed_at = (f"{each.astimezone(zone):%H:%M}" for each in (session.open_at, session.close_at))
    return f"{calendar} trades from {opened} to {closed_at} on {day}, and it is {at.astimezone(zone):%H:%M}"
