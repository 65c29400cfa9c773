"""What every source's calls have in common: where they are counted, and who hears of those that failed."""

from pathlib import Path
from queue import Empty, SimpleQueue

from flows.handlers.rate_limit.limiter import SharedLedger
from flows.handlers.transport.retry import FailedAttempt
from jobs.runs.run_context import RunContext


class FailedAttempts:
    """Failed attempts that others followed: told by the threads that fetch, taken by the one that lands."""

    def __init__(self) -> None:
        self._told: SimpleQueue[FailedAttempt] = SimpleQueue()

    def tell(self, attempt: FailedAttempt) -> None:
        """Keeps the attempt until it is taken."""
        self._told.put(attempt)

    def take(self) -> list[FailedAttempt]:
        """Those told since the last time, in the order told; each is given once."""
        taken: list[FailedAttempt] = []
        while True:
            try:
                taken.append(self._told.get_nowait())
            except Empty:
                return taken


def ledger_home(ctx: RunContext) -> Path | SharedLedger:
    """Where calls are counted: the database of all workers where the secrets name one, else a folder here."""
    url = ctx.secrets.ledger_database_url
    return ctx.settings.state_dir / "rate_limits" if url is None else SharedLedger(url.get_secret_value())
