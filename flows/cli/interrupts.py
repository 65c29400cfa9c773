"""Ctrl-C: one line on stderr and exit code 130, within two seconds unless a commit is under way.

The first Ctrl-C raises Interrupted, or does so at the end of the commit under way. What was received is
landed, locks are released, and the process ends. Some libraries swallow such an exception, some calls into
native code return late, and some threads outlive both: a watchdog ends the process in any case. Nothing is
lost by that, since each commit is atomic and the next run continues from what was committed. A second Ctrl-C
ends the process at once.
"""

import os
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from functools import cache
from types import FrameType
from typing import Final, NoReturn

from delta_tables.storage import commits

EXIT_INTERRUPTED: Final = 130
GRACE_SECONDS: Final = 2.0
_MESSAGE: Final = b"lakehouse: interrupted; what has landed is kept, run the command again to continue\n"
_POLL_SECONDS: Final = 0.05

_is_interrupted = threading.Event()
_has_left = threading.Lock()


def handle_interrupts() -> None:
    """Installs the handler of SIGINT and the watchdog; to be called before anything slow is imported."""
    # native code that does not return delays the handler, but not the byte that Python writes for a signal
    signal.set_wakeup_fd(_watchdog_pipe(), warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, _interrupt)


def ignore_interrupts() -> None:
    """Lets the process end with the command's own exit code; to be called once the command is done."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def leave_if_interrupted() -> None:
    """Ends the process as `leave_interrupted` does if Ctrl-C was pressed; returns otherwise.

    For the end of a command: a library may have swallowed Interrupted, or raised its own error in its place.
    """
    if _is_interrupted.is_set():
        leave_interrupted()


def leave_interrupted() -> NoReturn:
    """Prints the line and ends the process with exit code 130, without waiting for its threads."""
    if _has_left.acquire(blocking=False):
        if threading.current_thread() is threading.main_thread():
            with suppress(OSError, RuntimeError):  # the output is closed, or was being written
                sys.stdout.flush()
        with suppress(OSError):
            os.write(2, _MESSAGE)
        os._exit(EXIT_INTERRUPTED)
    while True:  # another thread is ending the process
        time.sleep(_POLL_SECONDS)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    if _is_interrupted.is_set():
        leave_interrupted()
    _is_interrupted.set()
    commits.interrupt()


@cache
def _watchdog_pipe() -> int:
    """The end of a pipe to which Python writes the numbers of signals; a thread reads them."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    threading.Thread(target=_watch, args=(read_end,), name="interrupt-watchdog", daemon=True).start()
    return write_end


def _watch(read_end: int) -> None:
    """Ends the process some time after the first Ctrl-C, and at once after the second."""
    _read_until_interrupt(read_end)
    deadline = time.monotonic() + GRACE_SECONDS
    while commits.is_commit_under_way() or time.monotonic() < deadline:
        if select.select([read_end], [], [], _POLL_SECONDS)[0] and _is_interrupt(os.read(read_end, 1)):
            break
    leave_interrupted()


def _read_until_interrupt(read_end: int) -> None:
    while not _is_interrupt(os.read(read_end, 1)):
        pass


def _is_interrupt(signal_number: bytes) -> bool:
    return signal_number == bytes([signal.SIGINT])
