"""`lakehouse check` on a real lake: every table with rows is checked, and an empty table is not a failure."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from rich.console import Console
from typer.testing import Result

from config.load import ConfigError
from config.secrets import Secrets
from config.settings import Settings
from delta_tables.storage.arrow_io import append_rows
from delta_tables.storage.create_tables import create_tables
from delta_tables.storage.lake import Lake, LakeError
from delta_tables.tables.gold_ticks import TRADE_BAR_DIFFERENCES
from delta_tables.tables.ops import RUNS
from delta_tables.tables.silver import BARS
from flows.cli.context import CliContext
from flows.cli.maintenance.check import check_tables
from jobs.pipelines.gold.ticks import build_tick_gold
from jobs.pipelines.silver.tick_files import build_tick_files
from jobs.runs.run_context import CHECKS
from tests.builders import flat_files
from tests.builders.lakes import build_lake, land_rows
from tests.builders.payloads import DAYS, bar, daily, intraday, overview
from tests.builders.reference_frames import listed
from tests.serving.command_line import run_command

NEWER = {
    *("silver_corporate_actions", "silver_news", "silver_instruments", "silver_trades", "silver_quotes"),
    *("gold_tick_features", "gold_trade_bar_differences"),
}
ARTICLE = {"title": "T", "url": "https://example.org/a", "time_published": "20100817T110100"}
LISTING = (
    b"symbol,name,exchange,assetType,ipoDate,delistingDate,status\nA,A Inc,NYSE,Stock,1999-11-18,null,Active"
)
NOW = datetime(2024, 12, 18, tzinfo=UTC)


def context_of(lake: Lake) -> CliContext:
    return CliContext(Settings(), Secrets(_env_file=None), lake, False, Console(width=400), lambda: NOW)


def fill(spark: SparkSession, lake: Lake) -> None:
    """Something of every kind: bars, facts, actions, news, listings, ticks, and a row for the quarantine."""
    bars = {day: bar(f"{10 + number / 10}") for number, day in enumerate(DAYS)}
    split = {"symbol": "IBM", "data": [{"effective_date": "1999-05-27", "split_factor": "2.0"}]}
    rows = [daily("AAPL", bars), overview("AAPL"), listed("splits", split)]
    rows += [intraday("AAPL", {"2010-08-20 10:00:00": bar(), "2010-08-20 10:05:00": bar("-1")})]
    rows += [listed("news", {"feed": [ARTICLE]}), listed("listing_status", LISTING, "ALL")]
    land_rows(lake, rows)
    build_lake(spark, lake)
    ctx = flat_files.tick_workspace(lake)
    flat_files.land_trades(lake, [flat_files.trade(n, f"10:0{n}:00") for n in range(3)])
    flat_files.land_quotes(lake, [flat_files.quote(9, "10:01:30")])
    built = [*build_tick_files(ctx, spark), build_tick_gold(ctx, spark)]
    assert {each.status for each in built} == {"done"}
    append_rows(lake, TRADE_BAR_DIFFERENCES, [difference()])


def difference() -> dict[str, Any]:
    row: dict[str, Any] = {"provider": "massive", "symbol": "IBM", "trade_dt": flat_files.DAY}
    row |= {"timestamp": flat_files.FETCHED - timedelta(days=1), "measure": "volume", "run_id": "r"}
    row |= {"from_trades": Decimal(2), "from_vendor": Decimal(1), "difference": Decimal(1)}
    return row | {"is_within": True, "is_simulated": False}


@pytest.fixture(scope="module")
def filled(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("check") / "lake"))
    fill(spark, lake)
    return lake


def test_every_table_with_rows_is_checked_and_passes(filled: Lake) -> None:
    checked = check_tables(context_of(filled), [])
    verdicts = {result.dataset: result for result in checked.results}
    assert set(verdicts) | set(checked.empty) == {file.stem for file in CHECKS.glob("*.yml")}
    assert verdicts.keys() >= NEWER | {"silver_bars", "silver_quarantine", "gold_daily_kpis"}
    bad = [each.summary() for each in verdicts.values() if not each.is_publishable or each.row_count == 0]
    assert bad == []


def test_newer_tables_can_be_named(filled: Lake) -> None:
    checked = check_tables(context_of(filled), sorted(NEWER))
    assert [(each.dataset, each.is_publishable) for each in checked.results] == [
        (name, True) for name in sorted(NEWER)
    ]
    assert checked.empty == ()


@pytest.fixture
def only_bars(spark: SparkSession, lake: Lake) -> Lake:
    land_rows(lake, [daily("AAPL", {day: bar() for day in DAYS})])
    build_lake(spark, lake)
    return lake


def ask(lake: Lake, *words: str, is_json: bool = False) -> Result:
    return run_command(lake, "check", *words, is_json=is_json, now=NOW, console=Console(width=400))


def test_tables_that_were_never_filled_are_listed_and_are_no_failure(only_bars: Lake) -> None:
    result = ask(only_bars)
    assert result.exit_code == 0, result.output
    last = result.stdout.splitlines()[-1]
    assert last.startswith("without rows, so not checked: ")
    assert "silver_trades" in last
    machine = json.loads(ask(only_bars, is_json=True).stdout)
    by_dataset = {each["dataset"]: each["status"] for each in machine}
    assert (by_dataset["silver_bars"], by_dataset["silver_news"]) == ("pass", "empty")


def test_a_named_table_without_rows_fails(only_bars: Lake) -> None:
    assert ask(only_bars, "silver_trades").exit_code == 2


def test_a_table_that_lost_what_was_published_to_it_fails(only_bars: Lake) -> None:
    (Path(only_bars.root) / "silver").rename(Path(only_bars.root) / "silver_before")
    create_tables(only_bars)
    checked = check_tables(context_of(only_bars), [])
    assert {each.dataset for each in checked.results if each.status == "fail"} == {"silver_bars"}


def test_missing_daily_figures_fail(only_bars: Lake) -> None:
    (Path(only_bars.root) / "gold").rename(Path(only_bars.root) / "gold_before")
    create_tables(only_bars)
    checked = check_tables(context_of(only_bars), [])
    assert {each.dataset for each in checked.results if each.status == "fail"} == {"gold_daily_kpis"}


@pytest.mark.parametrize("is_created", [True, False])
def test_a_lake_without_rows_is_an_error(lake: Lake, is_created: bool) -> None:
    create_tables(lake, [BARS, RUNS] if is_created else [])
    with pytest.raises(LakeError, match=r"no rows to check in .*lakehouse run"):
        check_tables(context_of(lake), [])


def test_a_named_table_that_is_missing_or_unknown_is_an_error(lake: Lake) -> None:
    with pytest.raises(LakeError, match=r"no silver\.trades here"):
        check_tables(context_of(lake), ["silver_trades"])
    with pytest.raises(ConfigError, match="no dataset 'silver_tades'"):
        check_tables(context_of(lake), ["silver_tades"])
