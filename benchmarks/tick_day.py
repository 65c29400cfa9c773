"""Measures a tick day: flat files to Silver and Gold while the input grows and the bound of a batch does not.

    python -m benchmarks.tick_day LEAN_FOLDER [--copies 1 2 4] [--rows-per-batch 100000 25000] [--repeat 3]

LEAN_FOLDER is `equity/usa` of QuantConnect LEAN's sample data. Each measurement runs in a process of its
own, so that its peak memory is its own; the embedded engine runs inside that process. After the first load
the day's trades are published again with one trade changed.
"""

import argparse
import hashlib
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from pyspark.sql import SparkSession

from benchmarks.delta_commits import Commit, commits_since, versions
from benchmarks.lean_flat_files import Source, replace_price, write_flat_files
from config.secrets import Secrets
from config.settings import MassiveSettings, Providers, Settings
from delta_tables.storage.arrow_io import append_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.tables import gold_ticks, silver_ticks
from delta_tables.tables.bronze import RAW_FILES
from jobs.engine.session import engine_session
from jobs.parsing.flat_files import TRADES as TRADES_FILE
from jobs.pipelines.gold.ticks import build_tick_gold
from jobs.pipelines.silver.tick_files import build_tick_files
from jobs.runs.run_context import RunContext, new_run_id

DAY = date(2013, 10, 7)
FETCHED = datetime(2013, 10, 8, 15, tzinfo=UTC)
TABLES = (*silver_ticks.TABLES, *gold_ticks.TABLES)
HEADER = (
    f"{'rows/batch':>10} {'copies':>6} {'rows':>10} {'silver s':>8} {'gold s':>7} {'rows/s':>8} "
    f"{'started MB':>10} {'peak MB':>8} | {'changed s':>9} {'peak MB':>8}"
)


@dataclass(frozen=True)
class Size:
    """One measurement: how many copies of each symbol, and the bound of a batch."""

    lean: Path
    copies: int
    rows_per_batch: int


@dataclass(frozen=True)
class Figures:
    """What was measured; memory is the process' peak so far: as the engine started, and after each step."""

    rows: int
    silver_seconds: float
    gold_seconds: float
    changed_seconds: float
    started_mb: float
    peak_mb: float
    changed_peak_mb: float


def main(arguments: Sequence[str]) -> None:
    """Prints one line a size, each figure the median of its repeats."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("lean", type=Path)
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rows-per-batch", type=int, nargs="+", default=[100_000, 25_000])
    parser.add_argument("--repeat", type=int, default=1)
    given = parser.parse_args(arguments)
    say(HEADER)
    for rows_per_batch in given.rows_per_batch:
        for copies in given.copies:
            size = Size(given.lean, copies, rows_per_batch)
            say(line_of(size, [in_own_process(size) for _ in range(given.repeat)]))


def line_of(size: Size, all_figures: Sequence[Figures]) -> str:
    """The medians, under the columns of HEADER."""
    names = Figures.__dataclass_fields__
    middle = Figures(**{name: median(getattr(each, name) for each in all_figures) for name in names})
    seconds = middle.silver_seconds + middle.gold_seconds
    return (
        f"{size.rows_per_batch:>10,} {size.copies:>6} {middle.rows:>10,} {middle.silver_seconds:>8.1f} "
        f"{middle.gold_seconds:>7.1f} {middle.rows / seconds:>8,.0f} {middle.started_mb:>10,.0f} "
        f"{middle.peak_mb:>8,.0f} | {middle.changed_seconds:>9.1f} {middle.changed_peak_mb:>8,.0f}"
    )


def in_own_process(size: Size) -> Figures:
    """The figures of one run, measured where nothing has run before."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_send_figures, args=(size, theirs))
    process.start()
    theirs.close()
    try:
        figures: Figures = ours.recv()
    except EOFError:
        raise RuntimeError(f"the measurement of {size} ended without figures; see its error above") from None
    finally:
        process.join()
    return figures


def _send_figures(size: Size, to: Connection) -> None:
    with tempfile.TemporaryDirectory() as folder:
        figures, commits = measure(size, Lake(f"{folder}/lake"))
    for commit in commits:
        say(f"  one trade changed: {commit}")
    to.send(figures)


def measure(size: Size, lake: Lake) -> tuple[Figures, list[Commit]]:
    """A first load, then a republished file with one trade changed: the figures, and the latter's commits."""
    create_tables(lake)
    create_tables(lake, TABLES)
    landing = Path(lake.root) / "landing"
    landing.mkdir()
    files = write_flat_files(Source(size.lean / "tick", ("AIG", "IBM"), DAY), landing, size.copies)
    for dataset, (path, _) in files.items():
        land(lake, dataset, path, FETCHED)
    massive = MassiveSettings(universe="all", rows_per_batch=size.rows_per_batch)
    settings = Settings(providers=Providers(massive=massive))
    ctx = RunContext(settings, Secrets(_env_file=None), lake, lambda: FETCHED, new_run_id())
    with engine_session(settings, lake) as spark:
        started_mb = peak_mb()
        silver_seconds, gold_seconds = build(ctx, spark)
        loaded_mb = peak_mb()
        before = versions(lake, TABLES)
        changed = replace_price(files[TRADES_FILE][0], line=1_000)
        land(lake, TRADES_FILE, changed, FETCHED + timedelta(days=30))
        changed_seconds = sum(build(replace(ctx, run_id=new_run_id()), spark))
        rows = sum(count for _, count in files.values())
        seconds = (silver_seconds, gold_seconds, changed_seconds)
        return Figures(rows, *seconds, started_mb, loaded_mb, peak_mb()), commits_since(lake, before)


def build(ctx: RunContext, spark: SparkSession) -> tuple[float, float]:
    """Seconds for Silver and for Gold.

    Raises:
        RuntimeError: a stage did not end well, so that its figures would mean nothing.
    """
    began = time.monotonic()
    built = build_tick_files(ctx, spark)
    middle = time.monotonic()
    built.append(build_tick_gold(ctx, spark))
    ended = time.monotonic()
    ctx.lake.drop_staging()
    if wrong := [each for each in built if each.status != "done"]:
        raise RuntimeError(f"wanted every stage done, found {wrong}")
    return middle - began, ended - middle


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


def peak_mb() -> float:
    """The most memory that this process has had; Linux only.

    Not getrusage's: what it says of a new process includes the one that started it.
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmHWM; run this on Linux")


def say(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
