"""Who may write a lake in a bucket: a lease, taken and kept by conditional PUT (docs/adr/0007).

A folder has the operating system's locks; a bucket has none, and Delta on Apache Spark locks inside one
JVM only: two drivers lose commits without an error. The lease is an object that names its holder. It is
created only where there is none (If-None-Match) and renewed only by whoever wrote it last (If-Match), so
a renewal that succeeds proves that nobody else has held it meanwhile, however long this process slept or
the store was away. A holder that died is followed `seconds` after its last renewal, by the store's clock.
"""

import os
import secrets as random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.lease_object import Claim, Held, LeaseObject, Right

SECONDS = 60.0


class LeaseHeldError(LakeError):
    """Somebody else writes this lake: says who, since when, and when the lease would end."""


@contextmanager
def lease(
    lake: Lake, name: Right, wait_seconds: float = 0.0, seconds: float = SECONDS, place: str = ""
) -> Iterator["Lease"]:
    """The lease `name` of a lake in a bucket, held and renewed while the context lasts.

    `place` names where the holder runs, if no two can run there at once (a container's hostname): one that
    was killed is followed without waiting by the one that starts in its place.

    Raises:
        LeaseHeldError: another holds it, and still did after `wait_seconds`.
        LakeError: the store cannot be asked.
    """
    taken = _take(LeaseObject(lake, name), wait_seconds, seconds, place)
    try:
        yield taken
    finally:
        taken.release()


class Lease:
    """A lease that is held; a thread renews it three times in its span."""

    def __init__(self, stored: LeaseObject, held: Held) -> None:
        self._stored, self._held = stored, held
        self._lost = ""
        self._renewing = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(
            target=self._renew_until_over, name=f"lease-{stored.name}", daemon=True
        )
        self._thread.start()

    def require(self) -> None:
        """Passes where the lease is held, by renewing it now; to be asked before each commit.

        Raises:
            LeaseHeldError: it was lost, for good: what was read since may be out of date.
            LakeError: the store cannot be asked.
        """
        with self._renewing:
            self._renew()

    def raise_if_lost(self) -> None:
        """Passes until it is known that the lease was lost; does not ask the store.

        Raises:
            LeaseHeldError: it was lost.
        """
        if not self._lost and not self._thread.is_alive():
            self._lost = "it is not renewed any more"
        if self._lost:
            raise LeaseHeldError(
                f"the lease to write {self._stored.lake.root} ({self._stored.name}) was lost: {self._lost}; "
                "this process writes nothing more; rerun it after the other run has finished"
            )

    def release(self) -> None:
        """Gives the lease back, if it is still ours; one that cannot be given back ends by itself."""
        try:
            with self._renewing:
                self._give_back()
        finally:
            self._is_over.set()  # not before: a thread that has ended would count as a lease that was lost

    def _give_back(self) -> None:
        try:
            self._renew()  # so that nobody can take it over between this and its removal
            self._stored.delete()
        except LakeError:
            return
        finally:
            self._lost = self._lost or "it was given back"

    def _renew(self) -> None:
        self.raise_if_lost()
        renewed = self._stored.write(self._held.claim, self._held)
        if renewed is None:
            thief = self._stored.read()
            self._lost = (
                f"{thief.claim.holder} took it over" if thief else "another took it over and has ended"
            )
            self.raise_if_lost()
        else:
            self._held = renewed

    def _renew_until_over(self) -> None:
        seconds = self._held.claim.seconds
        pause = seconds / 3
        while not self._is_over.wait(pause):
            try:
                self.require()
                pause = seconds / 3
            except LeaseHeldError:
                return
            except LakeError:
                pause = seconds / 12  # the store is away, or was; require() says so to whoever writes


def _take(stored: LeaseObject, wait_seconds: float, seconds: float, place: str) -> Lease:
    claim_id = random.token_hex(8)
    claim = Claim(claim_id, f"{socket.gethostname()} process {os.getpid()} {claim_id[:8]}", place, seconds)
    deadline = time.monotonic() + wait_seconds
    while True:
        held = stored.read()
        if _may_follow(held, claim) and (ours := stored.write(claim, held)):
            return Lease(stored, ours)
        if time.monotonic() >= deadline:
            raise LeaseHeldError(_refusal(stored, stored.read(), seconds))
        time.sleep(min(1.0, seconds / 10))


def _may_follow(held: Held | None, claim: Claim) -> bool:
    if held is None:
        return True
    is_over = held.age_seconds > (held.claim.seconds or claim.seconds)
    return is_over or bool(claim.place and claim.place == held.claim.place)


def _refusal(stored: LeaseObject, held: Held | None, seconds: float) -> str:
    who, span = "another process", seconds
    if held:
        who = f"{held.claim.holder}, which said so {held.age_seconds:.0f} s ago"
        span = held.claim.seconds or seconds
    return (
        f"{stored.lake.root} is being written ({stored.name}) by {who}; a lake in a bucket has one writer: "
        "wait for it, or stop it; if that process died, its lease expires "
        f"{span:.0f} s after its last renewal"
    )
