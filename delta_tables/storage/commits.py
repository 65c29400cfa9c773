"""Commits under way in this process, so that an interrupt waits for their end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class Interrupted(BaseException):
    """The user pressed Ctrl-C. Not a KeyboardInterrupt, which command-line libraries answer themselves."""


@dataclass
class _Commits:
    """How many commits are under way, in all threads and in the main thread."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    under_way: int = 0
    in_main_thread: int = 0
    is_interrupted: bool = False


_COMMITS = _Commits()


@contextmanager
def commit() -> Iterator[None]:
    """Marks a commit; an interrupt that arrives inside is raised at its end.

    Raises:
        Interrupted: Ctrl-C was pressed during the commit.
    """
    is_main = threading.current_thread() is threading.main_thread()
    _begin(is_main)
    try:
        yield
    finally:
        _end(is_main)
        if is_main and _COMMITS.is_interrupted and not _COMMITS.in_main_thread:
            _COMMITS.is_interrupted = False
            raise Interrupted


def interrupt() -> None:
    """Raises Interrupted, or lets the main thread's commit raise it at its end; for a signal handler.

    Raises:
        Interrupted: the main thread is not inside a commit.
    """
    if not _COMMITS.in_main_thread:
        raise Interrupted
    _COMMITS.is_interrupted = True


def is_commit_under_way() -> bool:
    """Whether any thread of this process is inside a commit."""
    return _COMMITS.under_way > 0


def _begin(is_main: bool) -> None:
    """Counts the commit. The main thread's count comes first: once it is there, nothing is interrupted."""
    if is_main:
        _COMMITS.in_main_thread += 1
    with _COMMITS.lock:
        _COMMITS.under_way += 1


def _end(is_main: bool) -> None:
    with _COMMITS.lock:
        _COMMITS.under_way -= 1
    if is_main:
        _COMMITS.in_main_thread -= 1
