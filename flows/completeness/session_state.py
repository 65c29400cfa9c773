"""The state of one expected session: a pure function of its due times, its arrival and the time now."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SessionState(StrEnum):
    """Whether a session of a series has arrived; the value is stored in ops.completeness."""

    NOT_EXPECTED_YET = "not_expected_yet"  # before its publication
    ON_TIME = "on_time"  # arrived before the waiting window ended
    LATE = "late"  # absent, within the waiting window
    MISSING = "missing"  # absent after it
    HEALED = "healed"  # arrived after it
    BACKFILLED = "backfilled"  # arrived as history: its window ended before the series was awaited
    NOT_WANTED = "not_wanted"  # late or missing when the settings dropped the series


OPEN = frozenset({SessionState.LATE, SessionState.MISSING})
ARRIVED = frozenset({SessionState.ON_TIME, SessionState.HEALED, SessionState.BACKFILLED})


@dataclass(frozen=True)
class Due:
    """When a session's data is expected, and until when it is awaited; instants in UTC."""

    expected_at: datetime
    late_until: datetime


def session_state(
    due: Due, arrived_at: datetime | None, now: datetime, awaited_since: datetime | None = None
) -> SessionState:
    """The state at `now`; both ends of the waiting window belong to it.

    `awaited_since` is when the series was first awaited (None: always). A session whose window had ended
    before was never late: it arrived with the series' history.
    """
    if arrived_at is not None and arrived_at <= now:
        if arrived_at <= due.late_until:
            return SessionState.ON_TIME
        is_history = awaited_since is not None and due.late_until < awaited_since
        return SessionState.BACKFILLED if is_history else SessionState.HEALED
    if now < due.expected_at:
        return SessionState.NOT_EXPECTED_YET
    return SessionState.LATE if now <= due.late_until else SessionState.MISSING
