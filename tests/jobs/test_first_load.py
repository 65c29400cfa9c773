"""A first load, which is compared with nothing, leaves what the windows over history and the MERGE leave."""

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.silver import BARS
from jobs.parsing.registry import BAR_PARSERS, calendars_for
from jobs.pipelines.silver import payloads as silver_build
from jobs.pipelines.silver.tables import SilverPipeline
from tests.builders.lakes import build_lake, hashes, land_rows, rows_that_differ
from tests.builders.payloads import DAYS, at, bar, daily, intraday

MORNING = {f"2010-08-20 {hour}:30:00": bar(f"{hour}.5") for hour in ("10", "11", "12")}


def deliveries() -> list[list[dict[str, Any]]]:
    """New series of two intervals and a bad row; then what is older and what is newer than they."""
    whole = {day: bar(f"1{number}.5") for number, day in enumerate(DAYS)}
    faulty = {**whole, DAYS[2]: ("10", "9", "8", "10", "100")}
    corrected = {DAYS[0]: bar("10.25")}
    return [
        [daily("A", whole, at(1)), daily("B", faulty, at(1)), intraday("A", MORNING, at(1))],
        [daily("A", {**whole, **corrected}), daily("B", whole, at(2)), daily("C", whole, at(2))],
    ]


def test_a_first_load_is_that_of_history_and_merge(
    engine: SparkSession, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other lake is the embedded engine's on either engine."""
    appended, merged = Lake(str(tmp_path / "appended")), Lake(str(tmp_path / "merged"))
    for delivery in deliveries():
        land_rows(appended, delivery)
        build_lake(engine, appended)
        with monkeypatch.context() as patch:
            patch.setattr(silver_build, "_is_initial", lambda *_: False)
            land_rows(merged, delivery)
            build_lake(spark, merged)
        assert hashes(appended) == hashes(merged), rows_that_differ(appended, merged)
    assert read_rows(appended, BARS, where="symbol = 'A' AND known_to IS NOT NULL").num_rows == 1


def test_the_first_delivery_is_a_first_load_and_the_second_none(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, asked, is_first = Lake(str(tmp_path / "lake")), [], silver_build._is_initial

    def noted(pipeline: SilverPipeline, *frames: Any) -> bool:
        asked.append((pipeline.table is BARS, is_first(pipeline, *frames)))
        return asked[-1][1]

    monkeypatch.setattr(silver_build, "_is_initial", noted)
    for delivery in deliveries():
        land_rows(lake, delivery)
        build_lake(spark, lake)
    assert asked == [(True, True), (True, False)]


def test_each_dataset_of_bars_says_which_calendars_its_bars_name() -> None:
    for parser in BAR_PARSERS.values():
        assert set(parser.calendars) == set(parser.datasets)
        assert all(parser.calendars.values())
    assert calendars_for(BAR_PARSERS, {("alphavantage", "fx_daily"), ("alphavantage", "overview")}) == {
        "24/5"
    }
