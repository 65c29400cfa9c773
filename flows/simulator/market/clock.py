"""The simulator's clock."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """A clock that runs at real speed from the instant it was last set to."""

    def __init__(self, now: datetime | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self.set(now)

    def set(self, now: datetime | None) -> None:
        """Set the clock to `now`, or to real time if it is None; raises ValueError if `now` is naive."""
        if now is not None and now.tzinfo is None:
            raise ValueError(f"The clock needs a UTC offset; found {now.isoformat()}. Add Z, for example.")
        # One tuple, so that another thread never sees half of a change.
        self._set_to = (now or datetime.now(UTC), self._monotonic())

    def now(self) -> datetime:
        """The current simulated instant, in UTC."""
        instant, at = self._set_to
        return instant.astimezone(UTC) + timedelta(seconds=self._monotonic() - at)
