"""A run of its own process, to be killed: asks the symbols in order of need, and notes what has landed.

Its arguments are a `Shift` as JSON. Time is the shift's: `speed` seconds of it pass in a real one.
"""

import json
import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flows.handlers.alphavantage import AlphaVantage
from flows.handlers.errors import ProviderError
from flows.handlers.http_client import HttpClient
from flows.handlers.rate_limits import RateGate
from flows.handlers.records import Query, RateLimit
from flows.handlers.redaction import Redactor
from flows.handlers.retries import HttpPolicy
from flows.quota_order import Asked, in_order_of_need, window_start

KEY = "a-key-of-nobody"
LONGEST_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Shift:
    """One process' work: its day begins at `day` (epoch) when the monotonic clock is at `began`."""

    url: str
    folder: str
    symbols: list[str]
    limits: list[tuple[int, float]]
    day: float
    began: float
    speed: float

    def now(self) -> float:
        return self.day + (time.monotonic() - self.began) * self.speed

    def instant(self) -> datetime:
        return datetime.fromtimestamp(self.now(), UTC)

    @property
    def landed_file(self) -> Path:
        return Path(self.folder) / "landed"


def landed(file: Path) -> list[tuple[str, datetime]]:
    """What has landed, in order."""
    lines = file.read_text().splitlines() if file.exists() else []
    return [(symbol, datetime.fromisoformat(at)) for symbol, at in (line.split() for line in lines)]


def work(shift: Shift) -> None:
    """Asks until the quota is used up or all have been asked."""
    limits = [RateLimit(*limit) for limit in shift.limits]
    gate = RateGate(
        Path(shift.folder) / "ledger.sqlite",
        limits,
        max_wait_seconds=LONGEST_WAIT_SECONDS,
        sleep=lambda seconds: time.sleep(seconds / shift.speed),
        now=shift.now,
    )
    http = HttpClient(Redactor([KEY]), HttpPolicy(attempts=1))
    handler = AlphaVantage(http, gate, KEY, plan="free", base_url=shift.url, clock=shift.instant)
    fetched: dict[Asked, datetime] = {
        ("overview", symbol, None): at for symbol, at in landed(shift.landed_file)
    }
    queries = [Query("overview", symbol) for symbol in shift.symbols]
    out = os.open(shift.landed_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for query in in_order_of_need(queries, fetched, window_start(limits, shift.instant())):
        try:
            (record,) = handler.fetch(query)
        except ProviderError as error:
            if error.stops_provider and error.record is None:
                return
            raise
        os.write(out, f"{record.symbol} {record.fetched_at.isoformat()}\n".encode())


if __name__ == "__main__":
    work(Shift(**json.loads(sys.argv[1])))
