"""A process that tests kill: it fetches symbols, those that waited longest first, and records what landed.

Its argument is a `WorkerTask` as JSON. Its time is that of a clock that all processes share.
"""

import fcntl
import json
import os
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flows.handlers.alphavantage.handler import AlphaVantage
from flows.handlers.errors import ProviderError
from flows.handlers.models import Query, RateLimit
from flows.handlers.rate_limit.limiter import RateLimiter
from flows.handlers.transport.http_client import HttpClient
from flows.handlers.transport.redaction import Redactor
from flows.handlers.transport.retry import HttpPolicy
from flows.ingestion.request_priority import RequestKey, by_staleness, window_start

KEY = "a-key-of-nobody"
MAX_WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.002


class SharedClock:
    """Epoch seconds in a file, which the test advances; the clock stands still while anybody holds it.

    The limiter counts calls when they leave, the provider when they arrive. Whoever makes a call holds the
    clock from the one to the other, so that a process that the machine lets wait between is not taken for
    one that calls too fast. A killed process holds nothing any more. One object is one holder.
    """

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_RDWR | os.O_CREAT)

    def now(self) -> float:
        """The present."""
        return float(struct.unpack("d", os.pread(self._file, 8, 0))[0])

    def set(self, now: float) -> None:
        """Puts the clock to another instant, once nobody holds it."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._write(now)
        self.release()

    def move(self, seconds: float) -> None:
        """Lets so much time pass, unless it is held."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        self._write(self.now() + seconds)
        self.release()

    def hold(self) -> None:
        """Lets no time pass from now on."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def release(self) -> None:
        """Lets time pass again, as far as this holder is concerned."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    @contextmanager
    def held(self) -> Iterator[None]:
        """No time passes within it."""
        self.hold()
        try:
            yield
        finally:
            self.release()

    def sleep(self, seconds: float) -> None:
        """Releases the clock and returns after so much of its time."""
        until = self.now() + seconds
        self.release()
        while self.now() < until:
            time.sleep(_POLL_SECONDS)

    def _write(self, now: float) -> None:
        os.pwrite(self._file, struct.pack("d", now), 0)


@dataclass(frozen=True)
class WorkerTask:
    """What one process fetches, from where, under which limits."""

    url: str
    folder: str
    symbols: list[str]
    limits: list[tuple[int, float]]

    @property
    def clock(self) -> SharedClock:
        """The clock, as one holder of it."""
        return SharedClock(Path(self.folder) / "clock")

    @property
    def landed_file(self) -> Path:
        return Path(self.folder) / "landed"


def landed(file: Path) -> list[tuple[str, datetime]]:
    """What has landed, in order."""
    lines = file.read_text().splitlines() if file.exists() else []
    return [(symbol, datetime.fromisoformat(at)) for symbol, at in (line.split() for line in lines)]


def fetch_all(task: WorkerTask) -> None:
    """Fetches until the quota is used up or every symbol has been fetched."""
    limits, clock = [RateLimit(*limit) for limit in task.limits], task.clock

    def instant() -> datetime:
        return datetime.fromtimestamp(clock.now(), UTC)

    def held_now() -> float:
        clock.hold()  # the limiter looks when it may let a call through: until it has arrived, or has to wait
        return clock.now()

    limiter = RateLimiter(
        Path(task.folder) / "ledger.sqlite",
        limits,
        max_wait_seconds=MAX_WAIT_SECONDS,
        sleep=clock.sleep,
        now=held_now,
    )
    http = HttpClient(Redactor([KEY]), HttpPolicy(attempts=1, read_timeout_seconds=120.0))
    handler = AlphaVantage(http, limiter, KEY, plan="free", base_url=task.url, clock=instant)
    fetched: dict[RequestKey, datetime] = {
        ("overview", symbol, None): at for symbol, at in landed(task.landed_file)
    }
    queries = [Query("overview", symbol) for symbol in task.symbols]
    out = os.open(task.landed_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with closing(handler):
        for query in by_staleness(queries, fetched, window_start(limits, instant())):
            try:
                (payload,) = handler.fetch(query)
            except ProviderError as error:
                clock.release()
                if error.stops_provider and error.payload is None:
                    return
                raise
            os.write(out, f"{payload.symbol} {payload.fetched_at.isoformat()}\n".encode())
            clock.release()


if __name__ == "__main__":
    fetch_all(WorkerTask(**json.loads(sys.argv[1])))
