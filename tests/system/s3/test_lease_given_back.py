"""A lease that is given back while its thread renews it, against a store as slow as the test wants it."""

import threading
from types import TracebackType
from typing import cast

import pytest

from delta_tables.storage.lake import Lake, LakeError
from delta_tables.storage.lease import Lease, LeaseHeldError
from delta_tables.storage.lease_object import Claim, Held, LeaseObject

CLAIM = Claim("0123", "we", "", seconds=0.3)  # renewed every tenth of a second
PATIENCE_SECONDS = 60


class SlowStore:
    """A store whose first answer to a renewal comes when the test says so."""

    def __init__(self) -> None:
        self.lake, self.name = Lake("s3a://market/slow"), "build"
        self.is_asked, self.may_answer = threading.Event(), threading.Event()
        self.deletions = 0

    def write(self, claim: Claim, over: Held | None) -> Held:
        """The renewed lease, in the end."""
        del over
        self.is_asked.set()
        assert self.may_answer.wait(PATIENCE_SECONDS)
        return Held("etag", claim, 0.0)

    def delete(self) -> None:
        """Counts."""
        self.deletions += 1


class UnfairLock:
    """The lease's lock; others get it when the renewing thread has had its answer and a second to end, if it
    would: the worst order that a scheduler can choose.
    """

    def __init__(self, lock: threading.Lock, store: SlowStore, renewing: threading.Thread) -> None:
        self._lock, self._store, self._renewing = lock, store, renewing

    def __enter__(self) -> None:
        if threading.current_thread() is not self._renewing:
            self._store.may_answer.set()
            self._renewing.join(1)
        self._lock.acquire()

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._lock.release()


def renewing_lease(store: SlowStore) -> Lease:
    """A lease whose thread waits for the store's answer, in the middle of a renewal."""
    held = Lease(cast(LeaseObject, store), Held("etag", CLAIM, 0.0))
    assert store.is_asked.wait(PATIENCE_SECONDS)
    return held


def test_a_lease_that_is_just_being_renewed_is_removed_when_it_is_given_back() -> None:
    store = SlowStore()
    held = renewing_lease(store)
    thread = held._thread
    # by its name: the attribute is declared as a lock of threading, and only a test puts another there
    setattr(held, "_renewing", UnfairLock(held._renewing, store, thread))
    held.release()
    assert store.deletions == 1
    with pytest.raises(LeaseHeldError, match="it was given back"):
        held.require()
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def test_the_thread_ends_though_the_store_is_away_when_the_lease_is_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = SlowStore()
    store.may_answer.set()
    held = renewing_lease(store)
    thread = held._thread

    def away(*_given: object) -> Held:
        raise LakeError("the store cannot be asked")

    monkeypatch.setattr(store, "write", away)
    held.release()
    assert store.deletions == 0
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()
