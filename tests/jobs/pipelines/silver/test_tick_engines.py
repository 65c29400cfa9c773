"""A simulated day of all four flat files, and republished versions of each: the same lake on both engines."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.content_hash import content_hash
from delta_tables.storage.lake import Lake
from delta_tables.tables import gold_ticks, silver_ticks
from delta_tables.tables.silver import BARS, QUARANTINE
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.market.market import Market
from flows.simulator.massive.file_store import FileStore, object_key
from jobs.parsing.flat_files import COLUMNS_OF, DAY_BARS, MINUTE_BARS, TRADES
from jobs.pipelines.gold.ticks import build_tick_gold
from jobs.pipelines.silver.bar_files import build_bar_files
from jobs.pipelines.silver.tick_files import build_tick_files
from tests.builders.flat_files import (
    FETCHED,
    LATER,
    csv_text,
    land_quotes,
    land_text,
    ns,
    quote,
    tick_workspace,
)

DAY = date(2010, 8, 12)
PUBLISHED = datetime(2010, 8, 14, tzinfo=UTC)
TABLES = (BARS, *silver_ticks.TABLES, *gold_ticks.TABLES, QUARANTINE)


def grown(spark: SparkSession, lake: Lake) -> list[str]:
    """One hash per table after the day and after a version of it in which one trade of KO is larger."""
    store = FileStore(Market(0))
    store.tickers = ("IBM", "KO")
    corrections = (Fault(FaultKind.CORRECTIONS, keys=("KO",)),)
    for later, datasets, faults in ((0, tuple(COLUMNS_OF), ()), (1, (TRADES, MINUTE_BARS), corrections)):
        at = PUBLISHED + timedelta(days=later)
        for dataset in datasets:
            found = store.find(object_key(dataset, DAY), at, faults)
            assert found is not None
            land_text(lake, dataset, found.content, at, DAY)
        ctx = tick_workspace(lake, stocks=("IBM", "KO"))
        built = [*build_bar_files(ctx, spark), *build_tick_files(ctx, spark), build_tick_gold(ctx, spark)]
        assert {each.status for each in built} == {"done"}
        lake.drop_staging()
    return [content_hash(lake, table) for table in TABLES]


@pytest.mark.spark
def test_both_engines_make_the_same_lake_of_a_day_and_its_correction(
    spark: SparkSession, apache_spark: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    other = Lake(str(tmp_path / "apache"))
    assert grown(spark, lake) == grown(apache_spark, other)
    trades = read_rows(other, silver_ticks.TRADES).to_pylist()
    assert len(trades) > 2_000
    assert len({row["sequence_number"] for row in trades if row["known_to"] is not None}) == 1
    assert read_rows(other, gold_ticks.TRADE_BAR_DIFFERENCES).num_rows == 0
    assert not read_rows(other, QUARANTINE).num_rows
    assert {row["trade_dt"] for row in trades} == {DAY}
    assert read_rows(other, gold_ticks.TICK_FEATURES).num_rows == 2 * 390


def test_a_corrected_quote_and_a_corrected_daily_bar_close_what_they_replace(
    engine: SparkSession, lake: Lake
) -> None:
    deliveries = {FETCHED: ("50.30", "1200"), LATER: ("50.40", "1300")}
    for fetched_at, (ask_price, volume) in deliveries.items():
        land_quotes(lake, [quote(1), quote(2, "10:01:00", ask_price=ask_price)], fetched_at)
        cells = ("IBM", volume, "50.25", "50.3", "50.4", "50.2", ns("00:00:00"))
        columns = ("ticker", "volume", "open", "close", "high", "low", "window_start")
        rows = [dict(zip(columns, cells, strict=True))]
        land_text(lake, DAY_BARS, csv_text(rows, COLUMNS_OF[DAY_BARS]), fetched_at)
        ctx = tick_workspace(lake)
        built = [*build_bar_files(ctx, engine), *build_tick_files(ctx, engine)]
        assert [each.status for each in built] == ["done", "done"]
        lake.drop_staging()

    quotes = read_rows(lake, silver_ticks.QUOTES).to_pylist()
    assert {
        (row["sequence_number"], row["ask_price"], row["known_from"], row["known_to"]) for row in quotes
    } == {
        (1, Decimal("50.3"), FETCHED, None),
        (2, Decimal("50.3"), FETCHED, LATER),
        (2, Decimal("50.4"), LATER, None),
    }
    bars = read_rows(lake, BARS).to_pylist()
    assert {(row["interval"], row["volume"], row["known_from"], row["known_to"]) for row in bars} == {
        ("1day", Decimal(1200), FETCHED, LATER),
        ("1day", Decimal(1300), LATER, None),
    }
    assert (len(quotes), len(bars)) == (3, 2)
