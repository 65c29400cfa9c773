"""A build that is killed with SIGKILL at a named point; tests run it as a process of its own.

Usage: python killed_build.py LAKE POINT, where POINT is one of POINTS or `none`.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from config.settings import Settings
from delta_tables.storage.lake import Lake
from jobs.engine import session, table_io
from jobs.pipelines import publish
from jobs.pipelines.gold import sessions as gold_sessions
from jobs.pipelines.silver import payloads as silver_payloads
from tests.builders import lakes

POINTS = (
    "after_landing",
    "inside_silver_merge",
    "after_silver_merge",
    "between_silver_and_gold",
    "inside_gold_publish",
    "between_gold_tables",
)


def die(*_args: Any, **_kwargs: Any) -> None:
    """Ends this process as kill -9 does."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def die_when_files_appear(folder: str) -> None:
    """Kills this process as soon as a new data file lies in `folder`: written, not yet committed."""
    before = set(Path(folder).rglob("*.parquet"))

    def watch() -> None:
        while set(Path(folder).rglob("*.parquet")) <= before:
            time.sleep(0.0005)
        die()

    threading.Thread(target=watch, daemon=True).start()


def around(
    function: Callable[..., Any], table: str, before: Callable[[str], None], after: Any
) -> Callable[..., Any]:
    """`function` (a merge), with calls of `before` and `after` around it if it writes `table`."""

    def wrapped(lake: Lake, found: Any, *rest: Any) -> Any:
        if found.full_name == table:
            before(lake.uri(found))
        result = function(lake, found, *rest)
        if found.full_name == table:
            after()
        return result

    return wrapped


def nothing(*_args: Any) -> None:
    """Does nothing."""


def arm(point: str) -> None:
    """Makes the process die at the point."""
    merge_rows = table_io.merge_rows
    publishers: dict[str, Callable[..., Any]] = {
        "merge_history": table_io.merge_history,
        "append_first": table_io.append_first,
    }
    if point == "after_landing":
        setattr(silver_payloads, "read_payloads", die)
    elif point == "inside_silver_merge":
        for name, function in publishers.items():
            setattr(publish, name, around(function, "silver.bars", die_when_files_appear, die))
    elif point == "after_silver_merge":
        for name, function in publishers.items():
            setattr(publish, name, around(function, "silver.bars", nothing, die))
    elif point == "between_silver_and_gold":
        setattr(lakes, "build_gold", die)
    elif point == "inside_gold_publish":
        setattr(gold_sessions, "merge_rows", around(merge_rows, "gold.signals", die_when_files_appear, die))
    elif point == "between_gold_tables":
        setattr(gold_sessions, "merge_rows", around(merge_rows, "gold.daily_kpis", nothing, die))


if __name__ == "__main__":
    own_lake = Lake(sys.argv[1])
    arm(sys.argv[2])
    with session.engine_session(Settings(), own_lake) as spark:
        lakes.build_lake(spark, own_lake)
