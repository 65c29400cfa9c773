"""Progress of a run, for a bar on a terminal or an artifact in Prefect's pages."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Observer = Callable[[str, int, int], None]


def _ignore(_what: str, _done: int, _total: int) -> None:
    return


_OBSERVER: ContextVar[Observer] = ContextVar("observer", default=_ignore)


@contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Sends the progress of what runs inside to `observer(what, done, total)`."""
    token = _OBSERVER.set(observer)
    try:
        yield
    finally:
        _OBSERVER.reset(token)


def report_progress(what: str, done: int, total: int) -> None:
    """Reports to the current observer, if any, that `done` of `total` steps of `what` are done."""
    _OBSERVER.get()(what, done, total)


def current_observer() -> Observer:
    """The current observer."""
    return _OBSERVER.get()
