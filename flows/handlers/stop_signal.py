"""Ends a handler's pauses from another thread, such as after Ctrl-C.

A fetch pauses for the rate limit and before a retry. Both pauses, each attempt and each piece of a body check
a `StopSignal`; once it is set, they raise `FetchStoppedError`, a pause within milliseconds. Nothing can
interrupt a read from a socket: a read that waits ends with its timeout, so whoever stops a fetch should not
wait for its threads.
"""

from __future__ import annotations

from threading import Event

from flows.handlers.errors import FetchStoppedError


class StopSignal(Event):
    """An event that stops fetches once it is set, from any thread; several handlers may share it."""

    def check(self) -> None:
        """Returns if the fetch may go on; raises FetchStoppedError otherwise."""
        if self.is_set():
            raise FetchStoppedError

    def sleep(self, seconds: float) -> None:
        """Returns after `seconds`; raises FetchStoppedError as soon as the fetch is stopped."""
        if self.wait(seconds):
            raise FetchStoppedError
