"""The simulator's clock: what is the time over there?"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """Runs at the speed of real time, from the instant it was last set to."""

    def __init__(self, now: datetime | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self.set(now)

    def set(self, now: datetime | None) -> None:
        """Put the clock to `now`, or to real time when that is None; raises ValueError if it is naive."""
        if now is not None and now.tzinfo is None:
            raise ValueError(f"The clock needs an instant with an offset; found {now.isoformat()}: add Z.")
        # One tuple: a reader in another thread never sees half of a change.
        self._set_to = (now or datetime.now(UTC), self._monotonic())

    def now(self) -> datetime:
        """The present instant over there, in UTC."""
        instant, at = self._set_to
        return instant.astimezone(UTC) + timedelta(seconds=self._monotonic() - at)
