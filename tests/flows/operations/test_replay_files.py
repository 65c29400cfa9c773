"""Flat files built by a faulty validation: a replay from Bronze gives the lake that was never broken."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.content_hash import content_hash
from delta_tables.storage.create_tables import open_table
from delta_tables.storage.lake import Lake
from delta_tables.tables.gold_ticks import TICK_FEATURES, TRADE_BAR_DIFFERENCES
from delta_tables.tables.silver import BARS, QUARANTINE
from delta_tables.tables.silver_ticks import QUOTES, TRADES
from flows.operations.replay import replay_files
from jobs.pipelines.gold.ticks import build_tick_gold
from jobs.pipelines.replay.scope import ReplayScope, require_known, resolve_scope
from jobs.pipelines.silver.bar_files import build_bar_files
from jobs.pipelines.silver.tick_files import build_tick_files
from jobs.runs.errors import PlanError
from jobs.runs.stage import StageResult
from tests.builders.broken_validation import broken_validation
from tests.builders.command_line import Cli
from tests.builders.flat_files import (
    DAY,
    FETCHED,
    LATER,
    Row,
    csv_text,
    land_quotes,
    land_text,
    land_trades,
    ns,
    quote,
    tick_workspace,
    trade,
)
from tests.builders.installation import Installation
from tests.builders.lakes import land_rows
from tests.builders.payloads import bar, daily
from tests.builders.small_files import copied

TABLES = (TRADES, QUOTES, BARS, QUARANTINE, TICK_FEATURES, TRADE_BAR_DIFFERENCES)
NEXT_DAY = DAY + timedelta(days=1)
BAR_COLUMNS = ("ticker", "volume", "open", "close", "high", "low", "window_start")


def prints(count: int, first: int = 1, day: date = DAY, **cells: str) -> list[Row]:
    """Trades a second apart from 10:00 on, four of a hundred of them with a price of its own."""
    start = datetime(2024, 11, 18, 10, tzinfo=UTC)
    rows = []
    for n in range(count):
        at = ns(f"{start + timedelta(seconds=n):%H:%M:%S}", day)
        row = trade(first + n, price=f"{50 + n % 25}.25", **cells)
        rows.append(row | {"sip_timestamp": at, "participant_timestamp": at})
    return rows


def minute_bars(*closes: str, day: date = DAY) -> str:
    rows = [
        dict(zip(BAR_COLUMNS, ("IBM", "100", "50", close, "99", "1", ns(f"10:{n:02}:00", day)), strict=True))
        for n, close in enumerate(closes)
    ]
    return csv_text(rows, BAR_COLUMNS)


def land(lake: Lake) -> None:
    """Lands two days, and a month later the first again, with a correction, withdrawals and a bad row."""
    rows = prints(1300) + prints(40, ticker="AIG")
    land_trades(lake, [*rows, trade(5000, price="0")])
    changed = [row | {"price": "49.5"} if row["sequence_number"] == "7" else row for row in rows]
    land_trades(lake, [*changed[:1000], *changed[1002:], trade(5000, price="x")], LATER)
    land_trades(lake, prints(30, day=NEXT_DAY), FETCHED + timedelta(days=1), NEXT_DAY)
    land_quotes(lake, [quote(1), quote(2, "10:01:00", ask_price="50.40")])
    land_text(lake, "minute_aggs_v1", minute_bars("50.25", "51", "bad"))
    land_text(lake, "minute_aggs_v1", minute_bars("50.25", "52", "53"), LATER)


@pytest.fixture(scope="module")
def clean(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The lake in which nothing was ever broken, to be copied."""
    lake = Lake(str(tmp_path_factory.mktemp("clean") / "lake"))
    land(lake)
    build(spark, lake, rows_per_batch=1000)
    return lake


@pytest.fixture(scope="module")
def broken(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The lake built by a faulty validation, to be copied."""
    lake = Lake(str(tmp_path_factory.mktemp("broken") / "lake"))
    land(lake)
    with broken_validation():
        build(spark, lake)
    return lake


@pytest.fixture
def mended(broken: Lake, tmp_path: Path) -> Lake:
    """A copy of the broken lake, to be replayed."""
    return copied(broken, tmp_path / "mended")


def build(spark: SparkSession, lake: Lake, **settings: Any) -> None:
    ctx = tick_workspace(lake, **settings)
    for each in (*build_bar_files(ctx, spark), *build_tick_files(ctx, spark), build_tick_gold(ctx, spark)):
        assert each.status == "done", each.detail
    lake.drop_staging()


def replayed(
    spark: SparkSession, lake: Lake, scope: ReplayScope | None = None, **settings: Any
) -> list[StageResult]:
    ctx = tick_workspace(lake, **settings)
    _, built = replay_files(ctx, spark, scope or ReplayScope())
    built.append(build_tick_gold(ctx, spark))
    lake.drop_staging()
    return built


def hashes(lake: Lake) -> dict[str, str]:
    return {table.full_name: content_hash(lake, table) for table in TABLES}


def changed(built: list[StageResult]) -> list[tuple[str, str, int]]:
    return [(each.subject, each.status, each.rows_out) for each in built]


def test_after_a_replay_silver_and_gold_equal_those_in_which_nothing_was_broken(
    spark: SparkSession, clean: Lake, mended: Lake
) -> None:
    wrong = {name for name, found in hashes(mended).items() if found != hashes(clean)[name]}
    assert wrong == {table.full_name for table in TABLES if table is not QUOTES}

    built = replayed(spark, mended, rows_per_batch=1000)

    assert {each.status for each in built} == {"replayed", "done"}
    assert hashes(mended) == hashes(clean)


def prices(lake: Lake) -> dict[int, float]:
    return {row["sequence_number"]: float(row["price"]) for row in read_rows(lake, TRADES).to_pylist()}


def bar_highs(lake: Lake) -> dict[float, float]:
    """The high of each bar by its close."""
    return {float(row["close"]): float(row["high"]) for row in read_rows(lake, BARS).to_pylist()}


def quarantined(lake: Lake) -> list[str]:
    return [row["position"].split("/")[1] for row in read_rows(lake, QUARANTINE).to_pylist()]


def test_on_both_engines_a_day_of_trades_and_a_day_of_bars_are_repaired(
    engine: SparkSession, lake: Lake
) -> None:
    land_trades(lake, [*(trade(number, f"10:0{number}:00") for number in range(1, 5)), trade(5, price="0")])
    land_text(lake, "minute_aggs_v1", minute_bars("50.25", "51"))
    with broken_validation():
        ctx = tick_workspace(lake)
        assert len([*build_bar_files(ctx, engine), *build_tick_files(ctx, engine)]) == 2
    lake.drop_staging()
    assert (prices(lake), quarantined(lake)) == ({1: 100.5, 4: 50.25, 5: 1.0}, ["2"])
    assert bar_highs(lake) == {50.25: 100.0}

    _, built = replay_files(tick_workspace(lake), engine, ReplayScope())

    assert [each.status for each in built] == ["replayed", "replayed"]
    assert (prices(lake), quarantined(lake)) == ({1: 50.25, 2: 50.25, 3: 50.25, 4: 50.25}, ["5"])
    assert bar_highs(lake) == {50.25: 99.0, 51.0: 99.0}


def test_a_replay_of_a_correct_lake_writes_nothing(spark: SparkSession, clean: Lake, tmp_path: Path) -> None:
    lake = copied(clean, tmp_path / "right")
    before = [open_table(lake, table).version() for table in TABLES]
    built = replayed(spark, lake, rows_per_batch=1000)
    assert {rows_out for _, _, rows_out in changed(built)} == {0}
    assert [open_table(lake, table).version() for table in TABLES] == before


def test_a_range_of_receipt_selects_whole_days_and_leaves_the_others(
    spark: SparkSession, mended: Lake
) -> None:
    scope = resolve_scope(ReplayScope(start=LATER.date(), end=LATER.date(), tables=("trades",)))
    (trades, _) = changed(replayed(spark, mended, scope))
    assert trades[:2] == ("silver.trades", "replayed")
    prices = read_rows(mended, TRADES, where="sequence_number = 1 AND symbol = 'IBM'").to_pylist()
    assert {(row["trade_dt"], float(row["price"])) for row in prices} == {(DAY, 50.25), (NEXT_DAY, 100.5)}


def test_a_replay_of_some_symbols_changes_only_their_rows(spark: SparkSession, mended: Lake) -> None:
    before = read_rows(mended, TRADES, where="symbol = 'IBM'").num_rows
    bad = read_rows(mended, QUARANTINE, where="symbol = 'IBM'").num_rows
    replayed(spark, mended, ReplayScope(symbols=("AIG",)))
    assert read_rows(mended, TRADES, where="symbol = 'IBM'").num_rows == before
    assert read_rows(mended, QUARANTINE, where="symbol = 'IBM'").num_rows == bad
    assert read_rows(mended, TRADES, where="symbol = 'AIG'").num_rows == 40 + 1  # and a correction
    assert read_rows(mended, QUARANTINE, where="symbol = 'AIG'").num_rows == 0


def test_other_providers_have_no_files(spark: SparkSession, lake: Lake) -> None:
    land(lake)
    assert replay_files(tick_workspace(lake), spark, ReplayScope(providers=("yahoo",))) == ([], [])


def test_a_table_that_is_not_built_from_bronze_is_refused() -> None:
    with pytest.raises(PlanError, match=r"no table 'gold\.signals' .* silver\.trades"):
        resolve_scope(ReplayScope(tables=("gold.signals",)))


def test_a_symbol_or_provider_that_never_arrived_is_refused(lake: Lake) -> None:
    land_rows(lake, [daily("AAPL", {"2010-08-11": bar()})])
    require_known(lake, ReplayScope(providers=("alphavantage",), symbols=("AAPL",)))
    with pytest.raises(PlanError, match="Bronze holds nothing of the symbol 'AAPLE'; did you mean AAPL"):
        require_known(lake, ReplayScope(symbols=("AAPLE",)))
    with pytest.raises(PlanError, match="Bronze holds nothing of the provider 'massive'"):
        require_known(lake, ReplayScope(providers=("massive",)))


def test_the_command_refuses_an_unknown_table(here: Installation, cli: Cli) -> None:
    ended = cli("--config", here.config, "replay", "--table", "moon")
    assert ended.code == 2
    assert "no table 'silver.moon'" in ended.error
