"""Measures what one trade costs that changes in the oldest of many days: rows and files rewritten, seconds.

    python -m benchmarks.one_trade_changed [--sessions 31]

The simulator serves a month of Massive's flat files over its S3 protocol: trades and quotes of 12 stocks,
their minute bars, the day bars of all. They are fetched and built; then the oldest day is published again
with one trade larger, and its minute and day bars with it. Fetched and built again, each commit is printed.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from benchmarks.delta_commits import commits_since, versions
from config.secrets import Secrets
from config.settings import Settings
from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables import gold, gold_ticks, silver_ticks
from delta_tables.tables.silver import BARS, QUARANTINE
from flows.ingestion.fetch_files import fetch_files
from flows.ingestion.source import FetchRequest
from flows.ingestion.sources.massive import SOURCE
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.server import Simulator
from flows.simulator.service import SimulatorConfig
from jobs.engine.session import engine_session
from jobs.market_calendar.sessions import STOCKS_US, sessions_between
from jobs.parsing.flat_files import COLUMNS_OF
from jobs.pipelines.gold.sessions import build_gold
from jobs.pipelines.gold.ticks import build_tick_gold
from jobs.pipelines.silver.bar_files import build_bar_files
from jobs.pipelines.silver.tick_files import build_tick_files
from jobs.runs.run_context import RunContext, new_run_id
from jobs.runs.stage import StageResult

NOW = datetime(2010, 8, 14, 16, tzinfo=UTC)  # a Saturday in the year of the simulator's prices
LAST_DAY = date(2010, 8, 13)
SYMBOL = "IBM"
TABLES = (BARS, *silver_ticks.TABLES, *gold_ticks.TABLES, *gold.TABLES, QUARANTINE)


@dataclass(frozen=True)
class Month:
    """A lake, the settings of its runs, and the sessions and files that it takes."""

    lake: Lake
    settings: Settings
    days: tuple[date, ...]
    asks: tuple[FetchRequest, ...]

    def at(self, now: datetime) -> RunContext:
        """The workspace of a run of its own at this instant."""
        secrets = Secrets.model_validate(
            {"massive_access_key_id": "a-key-id", "massive_secret_access_key": "a-secret"}
        )
        return RunContext(self.settings, secrets, self.lake, lambda: now, new_run_id())


def month(simulator: Simulator, lake: Lake, sessions: int, stocks: Sequence[str] = ()) -> Month:
    """The last `sessions` sessions up to LAST_DAY in a new lake; of all symbols, or of `stocks`."""
    create_tables(lake)
    create_tables(lake, (*silver_ticks.TABLES, *gold_ticks.TABLES))
    massive = {"endpoint_url": simulator.base, "universe": "watch_list" if stocks else "all"}
    settings = Settings.model_validate(
        {
            "state_dir": Path(lake.root).parent / "state",
            "providers": {"massive": massive},
            "watch_list": {"stocks": tuple(stocks)},
        }
    )
    start = LAST_DAY - timedelta(days=2 * sessions)
    days = tuple(session.trade_dt for session in sessions_between(STOCKS_US, start, LAST_DAY))[-sessions:]
    return Month(lake, settings, days, SOURCE.range_requests(days[0], days[-1], tuple(COLUMNS_OF)))


def take(month: Month, spark: SparkSession, now: datetime) -> tuple[RunContext, list[StageResult]]:
    """Fetches what is new of the month and builds it; the run, and the result of each stage."""
    ctx = month.at(now)
    fetched = fetch_files(ctx, month.asks)
    built: list[StageResult] = [*build_bar_files(ctx, spark), *build_tick_files(ctx, spark)]
    built += [build_gold(ctx, spark), build_tick_gold(ctx, spark)]
    month.lake.drop_staging()
    return ctx, [*(each.result for each in fetched), *built]


def run_changed(lake: Lake, table: Table, run_id: str) -> int:
    """How many rows of the table the run wrote last."""
    return int(read_rows(lake, table, ["run_id"], f"run_id = '{run_id}'").num_rows)


def main(arguments: Sequence[str]) -> None:
    """Prints the stages of both runs, and the commits and rows of the second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=31)
    given = parser.parse_args(arguments)
    with _new_month(given.sessions) as (simulator, taken, spark):
        say(f"{len(taken.days)} sessions from {taken.days[0]} on")
        with _timed("all of it"):
            take(taken, spark, NOW)
        for table in TABLES:
            say(f"  {table.full_name}: {read_rows(taken.lake, table, [table.columns[0]]).num_rows:,} rows")
        before = versions(taken.lake, TABLES)
        oldest = str(taken.days[0])
        simulator.service.set_faults([Fault(FaultKind.CORRECTIONS, symbols=(oldest,), keys=(SYMBOL,))])
        say(f"one trade of {SYMBOL} of {oldest} is changed, and the bars that it is in:")
        with _timed("all of it"):
            ctx, results = take(taken, spark, NOW + timedelta(hours=1))
        _say_results(results)
        for table in TABLES:
            if count := run_changed(taken.lake, table, ctx.run_id):
                say(f"  {table.full_name}: {count:,} rows changed")
        for commit in commits_since(taken.lake, before):
            say(f"  {commit}")


@contextmanager
def _new_month(sessions: int) -> Iterator[tuple[Simulator, Month, SparkSession]]:
    with tempfile.TemporaryDirectory() as folder, Simulator(SimulatorConfig(clock=NOW)) as simulator:
        made = month(simulator, Lake(f"{folder}/lake"), sessions)
        with engine_session(made.settings, made.lake) as spark:
            yield simulator, made, spark


def _say_results(results: Iterable[StageResult]) -> None:
    for each in results:
        say(
            f"  {each.stage} {each.subject} {each.status}: {each.rows_in or 0:,} in, "
            f"{each.rows_out or 0:,} changed, {each.seconds:.2f} s ({each.detail or ''})"
        )


@contextmanager
def _timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    say(f"  {what}: {time.monotonic() - began:.1f} s")


def say(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
