"""A lake whose tables consist of many small files, and what its tables are made of."""

import os
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from pyspark.sql import SparkSession

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.storage.row_digest import row_digest
from delta_tables.table import Table
from jobs.pipelines.silver.payloads import build_silver
from jobs.pipelines.silver.tables import SILVER_PIPELINES
from tests.builders.lakes import land_rows, workspace
from tests.builders.payloads import DAYS, at, bar, daily

SYMBOLS = ("AAPL", "IBM", "JPM", "KO", "MSFT")
BARS_RECIPE = SILVER_PIPELINES[0]
WEEK_MS = timedelta(days=7, hours=1) // timedelta(milliseconds=1)


def bars_of(symbol: str, hours: float = 0) -> dict[str, Any]:
    """The payload of a symbol's bars, fetched so many hours after the first."""
    return daily(symbol, {day: bar(close=f"10.{number}") for number, day in enumerate(DAYS)}, at(hours))


def build_bars(lake: Lake, spark: SparkSession) -> None:
    """Builds what is pending of silver.bars."""
    build_silver(workspace(lake), spark, BARS_RECIPE)
    lake.drop_staging()


def land_and_build(lake: Lake, spark: SparkSession) -> None:
    """Lands and builds each symbol by itself: one commit, and so one small file, per symbol."""
    for number, symbol in enumerate(SYMBOLS):
        land_rows(lake, [bars_of(symbol, number)])
        build_bars(lake, spark)


def copied(lake: Lake, folder: Path) -> Lake:
    """The same lake in another folder, where no engine has read it before."""
    shutil.copytree(lake.root, folder)
    return Lake(str(folder))


def rows_of(lake: Lake, table: Table) -> list[dict[str, Any]]:
    """All rows of the table."""
    found: list[dict[str, Any]] = read_rows(lake, table).to_pylist()
    return found


def symbols(lake: Lake, table: Table) -> set[str]:
    """The symbols that the table has rows of."""
    return {row["symbol"] for row in rows_of(lake, table)}


def version(lake: Lake, table: Table) -> int:
    """The table's newest version."""
    return DeltaTable(lake.uri(table)).version()


def digest(lake: Lake, table: Table) -> Any:
    """The digest of the newest version's rows."""
    return row_digest(lake, table, version(lake, table))


def files(lake: Lake, table: Table) -> int:
    """How many data files the newest version has."""
    return len(DeltaTable(lake.uri(table)).file_uris())


def stored_files(lake: Lake, table: Table) -> list[Path]:
    """The data files in the folder, old ones too."""
    return [path for path in Path(lake.uri(table)).rglob("*.parquet") if "_delta_log" not in path.parts]


def left_by_a_killed_writer(lake: Lake, table: Table) -> Path:
    """A data file that no version has, more than a week old."""
    some = stored_files(lake, table)[0]
    left = some.with_name("part-00000-left.parquet")
    shutil.copy(some, left)
    make_old(left)
    return left


def make_old(file: Path) -> None:
    """Sets the file's time to more than a week ago."""
    long_ago = (datetime.now(UTC) - timedelta(days=8)).timestamp()
    os.utime(file, (long_ago, long_ago))


def a_week_passes(lake: Lake, table: Table) -> None:
    """Makes all data files, and every removal in the table's log, older by more than a week.

    Apache Spark does not look again at a log that it has read: for it the lake must be a copy. A checkpoint,
    which would hold the removals as they were, is taken away.
    """
    for checkpoint in (Path(lake.uri(table)) / "_delta_log").glob("*checkpoint*"):
        checkpoint.unlink()
    for log in (Path(lake.uri(table)) / "_delta_log").glob("*.json"):
        text = re.sub(
            r'("deletionTimestamp":)(\d+)',
            lambda found: f"{found[1]}{int(found[2]) - WEEK_MS}",
            log.read_text(),
        )
        log.write_text(text)
        log.with_name(f".{log.name}.crc").unlink(missing_ok=True)  # Hadoop's checksum of the file as it was
    for file in stored_files(lake, table):
        make_old(file)
