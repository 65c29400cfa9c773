"""Compares minute bars made from LEAN's sample trades with LEAN's own minute bars, and says what differs.

    python -m benchmarks.bars_from_trades LEAN_FOLDER

LEAN_FOLDER is `equity/usa` of QuantConnect LEAN's sample data. Once by our rules
(jobs/silver/trade_conditions.py), once with intermarket sweeps (condition 14) left out of the prices, which
is what LEAN's supplier does.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.lean_flat_files import Source, lean_bars, write_flat_files
from config.settings import Settings
from delta_tables.storage.lake import Lake
from delta_tables.tables.silver_ticks import TRADES
from jobs.engine.session import engine_session
from jobs.gold.trade_bars import bar_differences, trade_bars
from jobs.history.bitemporal import CHANGE_TYPE
from jobs.history.file_history import initial_file_rows
from jobs.parsing.flat_files import TRADES as TRADES_FILE
from jobs.parsing.flat_files import FlatFile, read_flat_file
from jobs.silver.tick_rules import tick_day, with_batch_columns
from jobs.silver.trades import validated_trades

SYMBOLS = ("AIG", "IBM")
_PRICES = ("open", "high", "low", "close")
_BAR = "provider string, symbol string, trade_dt date, timestamp timestamp"


def main(arguments: Sequence[str]) -> None:
    """Prints a line a symbol, day and rule."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("lean", type=Path)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, engine_session(Settings(), Lake(folder)) as spark:
        for source in sources(given.lean):
            path, _ = write_flat_files(source, Path(folder))[TRADES_FILE]
            trades_df = lean_trades(spark, path, source.day)
            vendor_df = vendor_bars(spark, given.lean, source)
            for rule, frame_df in (
                ("our rules", trades_df),
                ("without sweeps", without_sweeps(trades_df)),
            ):
                say(f"{source.symbols[0]} {source.day} {rule:>14}: {compared(frame_df, vendor_df)}")


def sources(lean: Path) -> Iterator[Source]:
    """Each symbol and day that has trades and minute bars."""
    for symbol in SYMBOLS:
        for file in sorted((lean / "tick" / symbol.lower()).glob("*_trade.zip")):
            if (lean / "minute" / symbol.lower() / file.name).exists():
                yield Source(lean / "tick", (symbol,), date.fromisoformat(file.name[:8]))


def lean_trades(spark: SparkSession, path: Path, day: date) -> DataFrame:
    """Rows of silver.trades of a flat file."""
    at = datetime.combine(day, time(23, 59), UTC)
    size = path.stat().st_size
    file = FlatFile(path.name, "massive", TRADES_FILE, day, path.name, path.name, at, False, size)
    staged_df = with_batch_columns(read_flat_file(spark, Lake(str(path.parent)), file, None), tick_day(day))
    return initial_file_rows(validated_trades(staged_df, file, tick_day(day)), TRADES, "run").drop(
        CHANGE_TYPE
    )


def vendor_bars(spark: SparkSession, lean: Path, source: Source) -> DataFrame:
    """LEAN's minute bars as `bar_differences` takes them."""
    rows = [row for symbol in source.symbols for row in lean_bars(lean / "minute", symbol, source.day)]
    numbers = ", ".join(f"{name} decimal(24,12)" for name in (*_PRICES, "volume"))
    return spark.createDataFrame(rows, f"{_BAR}, {numbers}").withColumn("is_simulated", F.lit(False))


def without_sweeps(trades_df: DataFrame) -> DataFrame:
    """The trades, intermarket sweeps counting for the volume only."""
    is_sweep = F.coalesce(F.col("conditions").rlike("(^|,)14(,|$)"), F.lit(False))
    names = ("updates_open_close", "updates_high_low")
    return trades_df.withColumns({name: F.col(name) & ~is_sweep for name in names})


def compared(trades_df: DataFrame, vendor_df: DataFrame) -> str:
    """How many bars there are, and in how many of those that both have each measure differs."""
    ours_df = trade_bars(trades_df)
    found = bar_differences(ours_df, vendor_df, "run").collect()
    both = [row for row in found if row["from_trades"] is not None and row["from_vendor"] is not None]
    single = {(row["timestamp"], row["from_vendor"] is None) for row in found} - {
        (row["timestamp"], False) for row in both
    }
    extra = sum(is_ours for _, is_ours in single)
    total = ours_df.count() - extra
    counts = {name: sum(row["measure"] == name for row in both) for name in (*_PRICES, "volume")}
    equal = total - len({row["timestamp"] for row in both})
    apart = [abs(row["difference"] / row["from_vendor"]) for row in both if row["measure"] != "volume"]
    return (
        f"{total} bars in both, {equal} equal ({equal / total:.1%}), {extra} only ours, "
        f"{len(single) - extra} only the vendor's; differing {counts}, "
        f"prices by at most {max(apart, default=0):.3%}"
    )


def say(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
