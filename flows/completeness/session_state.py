"""The state of one expected session: a pure function of what was due, what came, and the time."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """How it stands with one session of one series."""

    NOT_EXPECTED_YET = "not_expected_yet"  # before its publication
    ON_TIME = "on_time"  # came before the waiting window had ended
    LATE = "late"  # not there, inside the waiting window
    MISSING = "missing"  # not there, after it
    HEALED = "healed"  # came after it
    BACKFILLED = "backfilled"  # came as history, its window over before anybody waited for the series
    NOT_WANTED = "not_wanted"  # late or missing when the settings dropped the series


OPEN = frozenset({State.LATE, State.MISSING})
ARRIVED = frozenset({State.ON_TIME, State.HEALED, State.BACKFILLED})


@dataclass(frozen=True)
class Due:
    """When a session's data is expected, and until when it is waited for; instants in UTC."""

    expected_at: datetime
    late_until: datetime


def verdict(
    due: Due, arrived_at: datetime | None, now: datetime, awaited_since: datetime | None = None
) -> State:
    """The state at `now`; both ends of the waiting window belong to it.

    `awaited_since`: when waiting for the series began; None is always. A session whose window had ended
    before that was never late: it came with the series' history.
    """
    if arrived_at is not None and arrived_at <= now:
        if arrived_at <= due.late_until:
            return State.ON_TIME
        is_history = awaited_since is not None and due.late_until < awaited_since
        return State.BACKFILLED if is_history else State.HEALED
    if now < due.expected_at:
        return State.NOT_EXPECTED_YET
    return State.LATE if now <= due.late_until else State.MISSING
