"""Counts calls in a sliding window of time, for rate limits and for statistics."""

import time
from collections import deque
from dataclasses import dataclass, field
from threading import Lock

_MINUTE_SECONDS = 60.0


@dataclass
class CallWindow:
    """The calls of the last `seconds`, and the highest number that such a window ever held."""

    seconds: float
    busiest: int = 0
    _calls: deque[float] = field(default_factory=deque)

    def count(self, now_seconds: float) -> int:
        """Number of calls in the window that ends at this reading of a monotonic clock."""
        while self._calls and self._calls[0] <= now_seconds - self.seconds:
            self._calls.popleft()
        return len(self._calls)

    def add(self, now_seconds: float) -> None:
        """Count a call."""
        self._calls.append(now_seconds)
        self.busiest = max(self.busiest, self.count(now_seconds))


@dataclass
class RateCounter:
    """Limits one provider to `calls_per_minute`; None means no limit."""

    calls_per_minute: int | None
    served: int = 0
    refused: int = 0
    _minute: CallWindow = field(default_factory=lambda: CallWindow(_MINUTE_SECONDS))
    _lock: Lock = field(default_factory=Lock)

    def admit(self) -> bool:
        """Whether the call is within the limit; a refused call does not count towards it."""
        with self._lock:
            now = time.monotonic()
            if self.calls_per_minute is not None and self._minute.count(now) >= self.calls_per_minute:
                self.refused += 1
                return False
            self._minute.add(now)
            self.served += 1
            return True
