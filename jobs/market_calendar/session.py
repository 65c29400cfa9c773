"""One trading session."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class Session:
    """One trading session. Instants are UTC; `session_no` numbers the calendar's sessions, in order.

    `day_end_at` is midnight at the exchange after the session.
    """

    calendar: str
    trade_dt: date
    session_no: int
    pre_open_at: datetime
    open_at: datetime
    close_at: datetime
    post_close_at: datetime
    day_end_at: datetime
    is_half_day: bool
