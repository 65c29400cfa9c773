"""One trade changed, one cancelled and one added in the oldest of 31 days: what changes, and nothing else.

The simulator's store serves the files over its S3 protocol; those of the oldest day are laid down by the
test, so that they can be published again under another ETag: first the trades, a day later the bars.
"""

import csv
import gzip
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from benchmarks.delta_commits import Commit, commits_since, versions
from benchmarks.one_trade_changed import NOW, TABLES, Month, month, take
from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.gold import DAILY_KPIS, SIGNALS, STOCK_OVERVIEW
from delta_tables.tables.gold_ticks import TICK_FEATURES, TRADE_BAR_DIFFERENCES
from delta_tables.tables.silver import BARS
from delta_tables.tables.silver_ticks import QUOTES, TRADES
from flows.ingestion.sources.massive import SOURCE
from flows.landing.flat_files import landed_files
from flows.simulator.massive.file_store import FileStore, object_key
from flows.simulator.server import Simulator
from flows.simulator.service import SimulatorConfig
from jobs.runs.stage import StageResult

SESSIONS = 31
DATASETS = ("trades_v1", "minute_aggs_v1", "day_aggs_v1")
MINUTE_NS = 60_000_000_000
CHANGED, CANCELLED, ADDED = 60, 120, 200  # minutes after the opening
LOOK_BACK = 20  # minutes of the features' average, and sessions of the volume's

Row = dict[str, str]
Rows = dict[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Edits:
    """What is different in the day's trades."""

    changed: Row
    cancelled: Row
    added: Row
    opening_ns: int

    def minute(self, number: int) -> datetime:
        """The start of a minute after the opening."""
        return datetime.fromtimestamp((self.opening_ns + number * MINUTE_NS) // 10**9, UTC)


@dataclass(frozen=True)
class Step:
    """The lake before and after a run, the run's stages, and its commits."""

    before: dict[Table, Rows]
    after: dict[Table, Rows]
    results: list[StageResult]
    commits: list[Commit]

    def changed(self, table: Table) -> set[tuple[Any, ...]]:
        """The keys of the rows that are not what they were, down to the run that wrote them."""
        old, new = self.before[table], self.after[table]
        return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}

    def commits_of(self, table: Table) -> list[Commit]:
        return [commit for commit in self.commits if commit.table == table.full_name]


@dataclass(frozen=True)
class Story:
    """The oldest day, what was done to its files, and the two runs after it."""

    day: date
    days: tuple[date, ...]
    edits: Edits
    trades: Step
    bars: Step
    lake: Lake


@pytest.fixture(scope="module")
def story(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("month")
    with Simulator(SimulatorConfig(clock=NOW)) as simulator:
        files = _store(simulator)
        taken = _month(simulator, folder)
        day = taken.days[0]
        drawn = {dataset: _drawn(files, dataset, day) for dataset in DATASETS}
        files.overrides |= {object_key(dataset, day): _file(rows) for dataset, rows in drawn.items()}
        take(taken, spark, NOW)

        edits = _edits(drawn["trades_v1"])
        files.overrides[object_key("trades_v1", day)] = _file(_edited_trades(drawn["trades_v1"], edits))
        before = _rows(taken.lake)
        trades = _step(taken, before, lambda: take(taken, spark, NOW + timedelta(days=30))[1])
        minutes, days = _edited_bars(drawn, edits)
        files.overrides[object_key("minute_aggs_v1", day)] = _file(minutes)
        files.overrides[object_key("day_aggs_v1", day)] = _file(days)
        bars = _step(taken, trades.after, lambda: take(taken, spark, NOW + timedelta(days=31))[1])
        yield Story(day, taken.days, edits, trades, bars, taken.lake)


def _store(simulator: Simulator) -> FileStore:
    provider_simulator: Any = simulator.service.provider_simulator("massive")
    found: FileStore = provider_simulator.files
    found.tickers = ("IBM", "KO")
    return found


def _month(simulator: Simulator, folder: Path) -> Month:
    """Trades and day bars of all days; quotes and minute bars of the two oldest, to be quick."""
    whole = month(simulator, Lake(str(folder / "lake")), SESSIONS, ("IBM", "KO"))
    few = SOURCE.range_requests(whole.days[0], whole.days[1], ("quotes_v1", "minute_aggs_v1"))
    all_days = SOURCE.range_requests(whole.days[0], whole.days[-1], ("trades_v1", "day_aggs_v1"))
    return replace(whole, asks=(*few, *all_days))


def _drawn(files: FileStore, dataset: str, day: date) -> list[Row]:
    found = files.find(object_key(dataset, day), NOW, ())
    assert found is not None
    return list(csv.DictReader(io.StringIO(gzip.decompress(found.content).decode())))


def _file(rows: list[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return gzip.compress(text.getvalue().encode(), mtime=0)


def _edits(rows: list[Row]) -> Edits:
    """The last trade of a minute, an odd lot of another, and a print after one of a third, all of IBM."""
    ibm = [row for row in rows if row["ticker"] == "IBM"]
    opening = int(ibm[0]["sip_timestamp"]) // MINUTE_NS

    def of_minute(number: int) -> list[Row]:
        return [row for row in ibm if int(row["sip_timestamp"]) // MINUTE_NS == opening + number]

    one = of_minute(ADDED)[0]
    sequence = int(one["sequence_number"])
    assert all(int(row["sequence_number"]) != sequence + 1 for row in ibm)
    # an average price (condition 2): it counts for the volume only
    added = one | {"sequence_number": str(sequence + 1), "id": "1", "size": "5000.0", "conditions": "2"}
    odd = next(row for row in of_minute(CANCELLED) if "37" in row["conditions"])
    return Edits(of_minute(CHANGED)[-1], odd, added, opening * MINUTE_NS)


def _edited_trades(rows: list[Row], edits: Edits) -> list[Row]:
    price = Decimal(edits.changed["price"]) + 5
    edited = [
        row | {"price": f"{price}"}
        if row is edits.changed
        else row | {"correction": "8"}
        if row is edits.cancelled
        else row
        for row in rows
    ]
    return [*edited, edits.added]


def _edited_bars(drawn: dict[str, list[Row]], edits: Edits) -> tuple[list[Row], list[Row]]:
    """The vendor's bars as the edited trades make them."""
    price = f"{Decimal(edits.changed['price']) + 5}"
    shares = {CANCELLED: -Decimal(edits.cancelled["size"]), ADDED: Decimal(edits.added["size"])}

    def minute(row: Row) -> Row:
        number = (int(row["window_start"]) - edits.opening_ns) // MINUTE_NS
        if row["ticker"] != "IBM" or number not in (CHANGED, CANCELLED, ADDED):
            return row
        prices = {"close": price, "high": price} if number == CHANGED else {}
        return row | prices | {"volume": str(Decimal(row["volume"]) + shares.get(number, 0))}

    def day(row: Row) -> Row:
        more = sum(shares.values())
        return row | {"volume": str(Decimal(row["volume"]) + more)} if row["ticker"] == "IBM" else row

    return [minute(row) for row in drawn["minute_aggs_v1"]], [day(row) for row in drawn["day_aggs_v1"]]


def _step(taken: Month, before: dict[Table, Rows], run: Callable[[], list[StageResult]]) -> Step:
    """`before` are the lake's rows before the run."""
    at = versions(taken.lake, TABLES)
    results = run()
    return Step(before, _rows(taken.lake), results, commits_since(taken.lake, at))


def _rows(lake: Lake) -> dict[Table, Rows]:
    return {
        table: {tuple(row[key] for key in table.keys): row for row in read_rows(lake, table).to_pylist()}
        for table in TABLES
    }


def minutes(story: Story, *numbers: int) -> set[tuple[Any, ...]]:
    """Keys of minute rows of IBM."""
    return {("massive", "IBM", story.day, story.edits.minute(number)) for number in numbers}


def test_the_other_etag_lands_one_version_of_one_day(story: Story) -> None:
    ingests = [[each.rows_out for each in step.results if each.stage == "ingest"]
               for step in (story.trades, story.bars)]  # fmt: skip
    assert [sum(each) for each in ingests] == [1, 2]
    versions_of_day = [file for file in landed_files(story.lake) if file.file_dt == story.day]
    assert sorted(file.dataset for file in versions_of_day) == [
        *["day_aggs_v1"] * 2, *["minute_aggs_v1"] * 2, "quotes_v1", *["trades_v1"] * 2
    ]  # fmt: skip


def test_exactly_the_three_trades_change_and_their_earlier_versions_are_kept(story: Story) -> None:
    step, later = story.trades, NOW + timedelta(days=30)
    old, new = step.before[TRADES], step.after[TRADES]
    wanted = {int(row["sequence_number"]) for row in vars(story.edits).values() if isinstance(row, dict)}
    touched = [new[key] for key in step.changed(TRADES)]
    assert {(row["symbol"], row["trade_dt"]) for row in touched} == {("IBM", story.day)}
    assert {row["sequence_number"] for row in touched} == wanted
    closed = [key for key in step.changed(TRADES) if key in old]
    assert len(closed) == 2  # the changed and the cancelled one
    for key in closed:
        assert new[key] == old[key] | {"known_to": later, "run_id": new[key]["run_id"]}
    inserted = {row["sequence_number"]: row for row in touched if row["known_from"] == later}
    assert inserted.keys() == wanted
    assert all(row["known_to"] is None for row in inserted.values())
    edits = story.edits
    changed, cancelled, added = (
        inserted[int(row["sequence_number"])] for row in (edits.changed, edits.cancelled, edits.added)
    )
    assert changed["price"] == Decimal(edits.changed["price"]) + 5
    assert (cancelled["correction"], cancelled["is_cancelled"]) == (8, True)
    assert (added["size"], added["correction"]) == (Decimal(5000), 0)


def test_exactly_the_minutes_that_depend_on_them_change(story: Story) -> None:
    step = story.trades
    assert step.changed(TICK_FEATURES) == minutes(
        story,
        *(CHANGED, CHANGED + 1),  # its close, and the return of the next
        *range(CANCELLED, CANCELLED + LOOK_BACK + 1),  # its volume, and the average of the 20 after it
        *range(ADDED, ADDED + LOOK_BACK + 1),
    )
    old, new = step.before[TICK_FEATURES], step.after[TICK_FEATURES]
    values: dict[int, set[str]] = {}
    for number in (CHANGED, CHANGED + 1, CANCELLED, CANCELLED + 1):
        (key,) = minutes(story, number)
        values[number] = {name for name in old[key] if old[key][name] != new[key][name]} - {"run_id"}
    assert values == {
        CHANGED: {"close", "return", "log_return"},
        CHANGED + 1: {"return", "log_return"},
        CANCELLED: {"volume", "volume_ratio_20", "trade_count"},
        CANCELLED + 1: {"volume_avg_20", "volume_ratio_20"},
    }


def test_the_vendors_bars_differ_until_they_are_published_again(story: Story) -> None:
    assert story.trades.before[TRADE_BAR_DIFFERENCES] == {}
    found = story.trades.after[TRADE_BAR_DIFFERENCES].values()
    at = {story.edits.minute(number): number for number in (CHANGED, CANCELLED, ADDED)}
    assert {(at[row["timestamp"]], row["measure"], row["difference"]) for row in found} >= {
        (CHANGED, "close", Decimal(5)),
        (CANCELLED, "volume", -Decimal(story.edits.cancelled["size"])),
        (ADDED, "volume", Decimal(5000)),
    }
    assert {(at[row["timestamp"]], row["measure"]) for row in found} == {
        (CHANGED, "close"), (CHANGED, "high"), (CANCELLED, "volume"), (ADDED, "volume")
    }  # fmt: skip
    assert story.bars.after[TRADE_BAR_DIFFERENCES] == {}


def test_exactly_the_bars_republished_and_the_windows_over_them_change(story: Story) -> None:
    step = story.bars
    changed = {
        (row["interval"], row["symbol"], row["trade_dt"], row["timestamp"], row["known_to"] is None)
        for row in (step.after[BARS][key] for key in step.changed(BARS))
    }
    ticks = {story.edits.minute(number) for number in (CHANGED, CANCELLED, ADDED)}
    by_interval = {name: {each[1:] for each in changed if each[0] == name} for name in ("1min", "1day")}
    assert by_interval["1min"] == {
        ("IBM", story.day, at, is_current) for at in ticks for is_current in (True, False)
    }
    assert {each[:2] for each in by_interval["1day"]} == {("IBM", story.day)}
    assert len(by_interval["1day"]) == 2  # what was known, and what is
    assert step.changed(DAILY_KPIS) == {("IBM", story.day, name, "massive") for name in ("1min", "1day")}
    # the volume of one session is in the average of the twenty after it
    after = story.days[1 : LOOK_BACK + 1]
    assert step.changed(SIGNALS) == {("IBM", day, "Volume Spike % Alert") for day in after}
    assert step.changed(STOCK_OVERVIEW) == {("IBM", day) for day in (story.day, *after)}


def test_nothing_else_changes(story: Story) -> None:
    of_trades = {table for table in TABLES if story.trades.changed(table)}
    assert of_trades == {TRADES, TICK_FEATURES, TRADE_BAR_DIFFERENCES}
    of_bars = {table for table in TABLES if story.bars.changed(table)}
    assert of_bars == {BARS, TRADE_BAR_DIFFERENCES, DAILY_KPIS, SIGNALS, STOCK_OVERVIEW}


def test_the_cost_is_that_of_the_day_and_not_of_the_table(story: Story) -> None:
    step, day = story.trades, f"trade_dt={story.day}"
    rows_of_day = sum(row["trade_dt"] == story.day for row in step.before[TRADES].values())
    (trades,) = step.commits_of(TRADES)
    assert (trades.partitions, trades.rows_added - trades.rows_removed) == ((day,), 3)
    assert 0 < trades.rows_removed <= rows_of_day < trades.rows_before / 20
    assert trades.files_removed < trades.files_before / 20
    (features,) = step.commits_of(TICK_FEATURES)
    assert (features.partitions, features.rows_added) == ((day,), features.rows_removed)
    assert features.rows_removed < features.rows_before / 20
    assert [commit.partitions for commit in step.commits_of(TRADE_BAR_DIFFERENCES)] == [(day,)]
    assert {commit.table for commit in step.commits} == {
        table.full_name for table in (TRADES, TICK_FEATURES, TRADE_BAR_DIFFERENCES)
    }
    judged = {each.subject: each.rows_in for each in step.results if each.stage == "silver"}
    assert judged == {TRADES.full_name: rows_of_day + 1}
    assert [each.detail for each in step.results if each.stage == "gold_ticks"] == ["days computed: 1"]
    assert [commit.partitions for commit in story.bars.commits_of(BARS)] == [
        (f"partition_dt={story.day}",), (f"partition_dt={story.day:%Y}-01-01",)
    ]  # fmt: skip
    assert not story.bars.commits_of(QUOTES)
