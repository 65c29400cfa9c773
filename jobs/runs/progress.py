"""Progress of a run, for whoever shows it: a bar on a terminal, an artifact in Prefect's UI."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Observer = Callable[[str, int, int], None]


def _nobody(_what: str, _done: int, _total: int) -> None:
    return


_OBSERVER: ContextVar[Observer] = ContextVar("observer", default=_nobody)


@contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Sends the progress of what runs inside to `observer(what, done, total)`."""
    token = _OBSERVER.set(observer)
    try:
        yield
    finally:
        _OBSERVER.reset(token)


def report_progress(what: str, done: int, total: int) -> None:
    """Tells the observer, if there is one, how far `what` has come."""
    _OBSERVER.get()(what, done, total)


def current_observer() -> Observer:
    """Whoever is told now."""
    return _OBSERVER.get()
