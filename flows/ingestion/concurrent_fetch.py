"""A bounded number of threads that fetch items, none of which outlives an interrupted run."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Final, Generic, Self, TypeVar

Item = TypeVar("Item")
Response = TypeVar("Response")

_POLL_SECONDS: Final = 1.0


@dataclass(frozen=True)
class _UnexpectedError:
    """What `fetch` raised."""

    error: BaseException


@dataclass
class ConcurrentFetch(Generic[Item, Response]):
    """Fetches items, `threads` at once; a context manager.

    If its block ends by an exception (an interrupt as well), no further item is fetched, `stop` is set so
    that fetches in progress can end early, and nobody waits for them: the threads are daemons, which do not
    keep the process alive. `received` then returns what had come until then.

    Attributes:
        fetch: Fetches one item, in a thread.
        stops_all: Whether a response (a refusal that concerns all items) makes further fetches pointless.
        threads: How many items are fetched at once.
        stop: Set when the block ends by an exception; it should end the fetches in progress.
        name: What the threads are called.
    """

    fetch: Callable[[Item], Response]
    stops_all: Callable[[Response], bool]
    threads: int
    stop: Event
    name: str = "fetch"
    _waiting: SimpleQueue[tuple[Item] | None] = field(default_factory=SimpleQueue)
    _fetched: SimpleQueue[tuple[Item, Response | _UnexpectedError]] = field(default_factory=SimpleQueue)
    _error: BaseException | None = None

    def __enter__(self) -> Self:
        for number in range(self.threads):
            Thread(target=self._work, name=f"{self.name}-{number}", daemon=True).start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.stop.set()
        for _number in range(self.threads):
            self._waiting.put(None)

    def responses(self, items: Iterable[Item]) -> Iterator[list[tuple[Item, Response]]]:
        """The items with their responses as they come, at least once a second (then perhaps none).

        No item is fetched after a response that stops all. An exception of `fetch` is raised here, after
        everything that was received before it.
        """
        remaining = iter(items)
        in_progress, is_stopped = 0, False
        while True:
            while (
                not is_stopped and in_progress < self.threads and (item := next(remaining, None)) is not None
            ):
                self._waiting.put((item,))
                in_progress += 1
            if not in_progress:
                return
            received = self.received(_POLL_SECONDS)
            if self._error:
                yield received
                raise self._error
            in_progress -= len(received)
            is_stopped |= any(self.stops_all(response) for _, response in received)
            yield received

    def received(self, wait_seconds: float = 0.0) -> list[tuple[Item, Response]]:
        """What has been received and not been returned yet; waits up to `wait_seconds` for the first."""
        received: list[tuple[Item, Response]] = []
        try:
            item, response = (
                self._fetched.get(timeout=wait_seconds) if wait_seconds else self._fetched.get_nowait()
            )
            while True:
                if isinstance(response, _UnexpectedError):
                    self._error = self._error or response.error
                else:
                    received.append((item, response))
                item, response = self._fetched.get_nowait()
        except Empty:
            return received

    def _work(self) -> None:
        while (waiting := self._waiting.get()) is not None and not self.stop.is_set():
            (item,) = waiting
            try:
                response: Response | _UnexpectedError = self.fetch(item)
            except BaseException as error:
                response = _UnexpectedError(error)
            self._fetched.put((item, response))
