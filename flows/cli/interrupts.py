"""Ctrl-C: one line on stderr and exit code 130, within two seconds unless a commit is under way.

The first Ctrl-C raises Interrupted, or does so at the end of the commit under way. What was received is
landed, locks are released, and the process ends. Some libraries swallow such an exception, and some threads
outlive it: a watchdog ends the process in any case. Nothing is lost by that, since each commit is atomic and
the next run continues from what was committed. A second Ctrl-C ends the process at once.
"""

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Final, NoReturn

from delta_tables.storage import commits

EXIT_INTERRUPTED: Final = 130
GRACE_SECONDS: Final = 2.0
_MESSAGE: Final = "lakehouse: interrupted; what has landed is kept, run the command again to continue\n"
_POLL_SECONDS: Final = 0.05

_is_interrupted = threading.Event()
_has_left = threading.Lock()


def handle_interrupts() -> None:
    """Installs the handler of SIGINT; to be called once, before anything slow is imported."""
    signal.signal(signal.SIGINT, _interrupt)


def ignore_interrupts() -> None:
    """Lets the process end with the command's own exit code; to be called once the command is done."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def leave_interrupted() -> NoReturn:
    """Prints the line and ends the process with exit code 130, without waiting for its threads."""
    if _has_left.acquire(blocking=False):
        sys.stdout.flush()
        sys.stderr.write(_MESSAGE)
        sys.stderr.flush()
        os._exit(EXIT_INTERRUPTED)
    while True:  # another thread is ending the process
        time.sleep(_POLL_SECONDS)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    if _is_interrupted.is_set():
        leave_interrupted()
    _is_interrupted.set()
    threading.Thread(target=_watchdog, name="interrupt-watchdog", daemon=True).start()
    commits.interrupt()


def _watchdog() -> None:
    time.sleep(GRACE_SECONDS)
    while commits.is_commit_under_way():
        time.sleep(_POLL_SECONDS)
    leave_interrupted()
