"""What a piece of work cost: seconds, the most memory, bytes read and written. Linux only."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MB = 1e6 / 1024  # in kB of /proc, which are 1024 bytes
_LOOK_SECONDS = 0.1


@dataclass
class Cost:
    """Wall seconds; the most memory at one time of this process and all it started, in MB; bytes that the
    processes asked the system to read and write, in MB, caches included.
    """

    seconds: float = 0.0
    peak_mb: float = 0.0
    read_mb: float = 0.0
    written_mb: float = 0.0


@contextmanager
def measured() -> Iterator[Cost]:
    """The cost of what is done inside, complete at its end."""
    cost = Cost()
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(cost, done), daemon=True)
    before = _bytes_moved()
    watcher.start()
    began = time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - began
        done.set()
        watcher.join()
        read, written = (after - then for after, then in zip(_bytes_moved(), before, strict=True))
        cost.read_mb, cost.written_mb = read / 1e6, written / 1e6


def _watch(cost: Cost, done: threading.Event) -> None:
    while True:
        cost.peak_mb = max(cost.peak_mb, sum(map(_resident_mb, _family())))
        if done.wait(_LOOK_SECONDS):
            return


def _family() -> list[int]:
    """This process and those that descend from it."""
    parents = dict(filter(None, (_parent(entry) for entry in Path("/proc").glob("[0-9]*"))))
    family = [os.getpid()]
    for pid in family:  # grows meanwhile
        family += [child for child, parent in parents.items() if parent == pid]
    return family


def _parent(entry: Path) -> tuple[int, int] | None:
    try:
        stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has ended meanwhile
        return None
    return int(entry.name), int(stat.rpartition(")")[2].split()[1])


def _resident_mb(pid: int) -> float:
    return _numbers(pid, "status").get("VmRSS", 0) / _MB


def _bytes_moved() -> tuple[int, int]:
    moved = [_numbers(pid, "io") for pid in _family()]
    return sum(each.get("rchar", 0) for each in moved), sum(each.get("wchar", 0) for each in moved)


def _numbers(pid: int, name: str) -> dict[str, int]:
    """The lines `key: number ...` of a file of /proc; none of a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {
        key: int(value.split()[0])
        for key, _, value in pairs
        if value.split()[:1] and value.split()[0].isdigit()
    }
