"""Gold where it is new, computed for all days at once, is what is computed day by day where they changed."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from config.settings import SignalSettings
from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.gold import SIGNALS, STOCK_OVERVIEW
from jobs.gold.metrics import preferred_days
from jobs.gold.signals import all_signals, triggered_signals
from jobs.gold.split_adjustment import LOG_SPLIT_FACTOR, split_adjusted_days, unadjusted_days
from jobs.pipelines.gold import affected_days as gold_days
from jobs.pipelines.gold import reconciliation as breaks_build
from tests.builders.lakes import build_lake, hashes, land_rows, rows_that_differ
from tests.builders.payloads import DAYS, at, bar, daily, intraday, overview
from tests.jobs.test_splits_in_gold import EX, as_traded, splits, yahoos

SPIKE = {day: bar("10.5", "9000" if day == DAYS[-1] else "1000") for day in DAYS}
MORNING = {f"{DAYS[-1]} {hour}:30:00": bar(f"{hour}.5") for hour in ("10", "11", "12")}


def test_all_days_at_once_are_the_days_that_changed(
    engine: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Splits, facts, two providers and two intervals among them."""
    at_once, by_change = Lake(str(tmp_path / "once")), Lake(str(tmp_path / "change"))
    delivery = [
        daily("SPLIT", as_traded(2)),
        splits("SPLIT", (EX, "2.0000")),
        *yahoos("SPLIT"),
        daily("SPIKE", SPIKE),
        overview("SPIKE", at(-100), EPS="0.1"),
        intraday("ONLY", MORNING, at(1)),
    ]
    for lake in (at_once, by_change):
        land_rows(lake, delivery)
    build_lake(engine, at_once)
    with monkeypatch.context() as patch:
        for module in (gold_days, breaks_build):
            patch.setattr(module, "is_new", lambda *_: False)
        build_lake(engine, by_change)
    assert hashes(at_once) == hashes(by_change), rows_that_differ(at_once, by_change)
    rows = read_rows(at_once, STOCK_OVERVIEW, ["symbol", "trade_dt", "triggered_signals"]).to_pylist()
    named = {
        (row["symbol"], row["trade_dt"], name)
        for row in rows
        for name in row["triggered_signals"].split(", ")
        if name
    }
    verdicts = read_rows(at_once, SIGNALS, ["symbol", "trade_dt", "signal"], "is_triggered").to_pylist()
    assert named == {tuple(row.values()) for row in verdicts}
    assert named


def test_the_overview_names_the_signals_that_are_computed(spark: SparkSession) -> None:
    """With thresholds that nothing stays below."""
    metrics_df = spark.sql(
        "SELECT 'A' AS symbol, date'2010-08-20' AS trade_dt, 'stock' AS asset_class, 'x' AS provider, "
        "false AS is_simulated, false AS has_simulated_inputs, false AS is_half_day, 1 AS volume, 1 AS eps, "
        "CAST(1000000 AS DECIMAL(18,6)) AS pe_ratio, CAST(1000000 AS DECIMAL(18,6)) AS volume_spike_pct"
    )
    settings = SignalSettings()
    names = metrics_df.select(triggered_signals(settings)).collect()[0][0]
    found = [row["signal"] for row in all_signals(metrics_df, settings).collect() if row["is_triggered"]]
    assert names == ", ".join(sorted(found))
    assert len(found) == len(set(found)) > 1


def test_the_bar_is_chosen_before_whose_facts_count(engine: SparkSession) -> None:
    """Two providers and intervals, and two that know earnings; the second day is before any did."""
    days_df = engine.sql(
        "SELECT * FROM VALUES ('A', date'2010-08-19', '1day', 'massive'), "
        "('A', date'2010-08-20', '1day', 'massive'), ('A', date'2010-08-20', '1day', 'alphavantage'), "
        "('A', date'2010-08-20', '1min', 'alphavantage') AS days(symbol, trade_dt, interval, provider)"
    ).selectExpr("*", "CAST(trade_dt AS TIMESTAMP) AS day_end_at", "false AS is_simulated")
    facts_df = engine.sql(
        "SELECT * FROM VALUES ('A', 'zeta', 2), ('A', 'alpha', 1) AS facts(symbol, provider, eps)"
    ).selectExpr(
        "*",
        "timestamp'2010-08-19 12:00:00' AS known_from",
        "CAST(NULL AS TIMESTAMP) AS known_to",
        "true AS is_simulated",
    )
    found_df = preferred_days(days_df, facts_df, ("massive", "alphavantage"))
    found = {
        str(row["trade_dt"]): (row["interval"], row["provider"], row["eps"], row["has_simulated_inputs"])
        for row in found_df.collect()
    }
    assert found == {
        "2010-08-19": ("1day", "massive", None, False),
        "2010-08-20": ("1day", "massive", 1, True),
    }
    assert found_df.count() == 2


def test_days_without_a_split_are_told_as_they_are(engine: SparkSession) -> None:
    days_df = engine.sql(
        "SELECT symbol, session_no, CAST(session_no AS DECIMAL(24,12)) AS close, "
        f"CAST(session_no AS DECIMAL(28,8)) AS volume, CAST(0 AS BIGINT) AS {LOG_SPLIT_FACTOR} "
        "FROM VALUES ('A', 1), ('A', 2), ('B', 7) AS days(symbol, session_no)"
    )
    order = ("symbol", "session_no")
    split_adjusted = (
        split_adjusted_days(days_df, 20).select(*unadjusted_days(days_df).columns).orderBy(*order).collect()
    )
    assert split_adjusted == unadjusted_days(days_df).orderBy(*order).collect()
