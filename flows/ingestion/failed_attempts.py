"""What the requests of every provider share: where calls are counted, and the attempts that were retried."""

from pathlib import Path
from queue import Empty, SimpleQueue

from flows.handlers.rate_limit.call_store import SharedCallStore
from flows.handlers.transport.retry import FailedAttempt
from jobs.runs.run_context import RunContext


class FailedAttempts:
    """Failed attempts that were retried: fetching threads record them, the landing thread drains them."""

    def __init__(self) -> None:
        self._recorded: SimpleQueue[FailedAttempt] = SimpleQueue()

    def record(self, attempt: FailedAttempt) -> None:
        """Keeps the attempt until it is drained."""
        self._recorded.put(attempt)

    def drain(self) -> list[FailedAttempt]:
        """The attempts recorded since the last call, in their order; each is returned once."""
        drained: list[FailedAttempt] = []
        while True:
            try:
                drained.append(self._recorded.get_nowait())
            except Empty:
                return drained


def call_store_location(ctx: RunContext) -> Path | SharedCallStore:
    """Where calls are counted: the workers' database if the secrets name one, else a local folder."""
    url = ctx.secrets.ledger_database_url
    return ctx.settings.state_dir / "rate_limits" if url is None else SharedCallStore(url.get_secret_value())
