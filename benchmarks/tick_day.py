"""Measures a tick day: flat files to Silver, features and bars; memory while the input grows; a correction.

    python benchmarks/tick_day.py LEAN_FOLDER [--copies 1 4] [--rows-per-batch 100000]

LEAN_FOLDER is `equity/usa` of QuantConnect LEAN's sample data. Each size runs in a process of its own, so
that its peak memory is its own; the embedded engine runs inside that process, with no child processes.
"""

import argparse
import hashlib
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from benchmarks.lean_flat_files import Source, replace_price, write_flat_files
from config.secrets import Secrets
from config.settings import MassiveSettings, Providers, Settings
from delta_tables import gold_ticks, silver_ticks
from delta_tables.arrow_io import append_rows
from delta_tables.bronze import RAW_FILES
from delta_tables.create_tables import create_tables, open_table
from delta_tables.lake import Lake
from delta_tables.silver_ticks import TRADES
from flows.run_log import StageResult
from flows.tick_build import build_files
from flows.tick_gold_build import build_tick_gold
from flows.workspace import Workspace, new_run_id
from jobs.flat_files import TRADES as TRADES_FILE
from jobs.session import engine_session

DAY = date(2013, 10, 7)
FETCHED = datetime(2013, 10, 8, 15, tzinfo=UTC)
MEGABYTE = 1024


@dataclass(frozen=True)
class Size:
    """One measurement: how many copies of each symbol, and the bound of a batch."""

    lean: Path
    copies: int
    rows_per_batch: int


def main(arguments: Sequence[str]) -> None:
    """Prints one line a stage and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lean", type=Path)
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rows-per-batch", type=int, default=100_000)
    given = parser.parse_args(arguments)
    for copies in given.copies:
        size = Size(given.lean, copies, given.rows_per_batch)
        process = multiprocessing.get_context("spawn").Process(target=measure, args=(size,))
        process.start()
        process.join()


def measure(size: Size) -> None:
    """One size: a first load, then a republished file with one trade changed."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(f"{folder}/lake")
        create_tables(lake)
        create_tables(lake, (*silver_ticks.TABLES, *gold_ticks.TABLES))
        landing = Path(folder) / "lake/landing"
        landing.mkdir()
        source = Source(size.lean / "tick", ("AIG", "IBM"), DAY)
        files = write_flat_files(source, landing, size.copies)
        for dataset, (path, _) in files.items():
            land(lake, dataset, path, FETCHED)
        rows = sum(count for _, count in files.values())
        massive = MassiveSettings(universe="all", rows_per_batch=size.rows_per_batch)
        settings = Settings(providers=Providers(massive=massive))
        work = Workspace(settings, Secrets(_env_file=None), lake, lambda: FETCHED, new_run_id())
        say(f"{size.copies} x: {rows:,} rows, batches of at most {size.rows_per_batch:,}; at first {peak()}")
        with engine_session(settings, lake) as spark:
            began = time.monotonic()
            for built in build_files(work, spark):
                say_stage(built.result)
            gold = build_tick_gold(work, spark).result
            say(f"  gold {gold.status}: {gold.rows_out:,} rows, {gold.seconds:.1f} s, peak so far {peak()}")
            seconds = time.monotonic() - began
            say(f"  all: {seconds:.1f} s, {rows / seconds:,.0f} rows/s")
            lake.drop_staging()
            changed = replace_price(files[TRADES_FILE][0], line=1_000)
            land(lake, TRADES_FILE, changed, FETCHED + timedelta(days=30))
            again = replace(work, run_id=new_run_id())
            say("  one trade changed, 30 days later:")
            for built in build_files(again, spark):
                say_stage(built.result)
            say(f"  {rewritten(lake)}")
            gold = build_tick_gold(again, spark).result
            say(f"  gold: {gold.rows_out} rows change, {gold.seconds:.1f} s, peak so far {peak()}")


def say_stage(done: StageResult) -> None:
    """Prints how a file went into its table."""
    say(
        f"  {done.subject} {done.status}: {done.rows_in:,} rows judged, {done.rows_out:,} rows written, "
        f"{done.seconds:.1f} s, {done.rows_in / done.seconds:,.0f} rows/s, peak so far {peak()}"
    )


def land(lake: Lake, dataset: str, path: Path, fetched_at: datetime) -> None:
    """A row of bronze.raw_files for a file in the landing area."""
    row = {
        "file_id": hashlib.sha256(path.read_bytes()).hexdigest(),
        "provider": "massive",
        "dataset": dataset,
        "file_dt": DAY,
        "key": path.name,
        "etag": "",
        "size_bytes": path.stat().st_size,
        "path": str(path.relative_to(lake.root)),
        "fetched_at": fetched_at,
        "is_simulated": False,
        "run_id": "benchmark",
    }
    append_rows(lake, RAW_FILES, [row])


def rewritten(lake: Lake) -> str:
    """What the last commit of silver.trades added and removed, from the Delta log."""
    table = open_table(lake, TRADES)
    log = Path(lake.uri(TRADES)) / f"_delta_log/{table.version():020}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    added = [action["add"] for action in actions if "add" in action]
    removed = [action["remove"] for action in actions if "remove" in action]
    rows = sum(json.loads(each["stats"])["numRecords"] for each in added)
    partitions = sorted({each["path"].split("/")[0] for each in added + removed})
    return (
        f"its commit: {len(removed)} of {len(table.file_uris()) - len(added) + len(removed)} files removed, "
        f"{len(added)} added with {rows:,} rows, in {partitions}"
    )


def peak() -> str:
    """The most memory that this process and, each by itself, its children have had."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // MEGABYTE
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // MEGABYTE
    return f"{own} MB, children {children} MB"


def say(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
