"""A payload that no parser or engine can bear stops no other payload, and is named in the quarantine."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.table import Table
from delta_tables.tables.ops import RUNS
from delta_tables.tables.silver import BARS, FUNDAMENTALS, QUARANTINE
from delta_tables.tables.silver_reference import CORPORATE_ACTIONS, INSTRUMENTS, NEWS
from jobs.parsing.registry import ProviderDatasets
from jobs.pipelines.pending import pending_payloads
from jobs.pipelines.replay.payloads import replay_payloads
from jobs.pipelines.replay.scope import ReplayScope
from jobs.pipelines.silver.payloads import build_silver
from jobs.pipelines.silver.tables import SILVER_PIPELINES, SilverPipeline
from tests.builders.lakes import land_rows, workspace
from tests.builders.payloads import at, daily
from tests.builders.poison import BARS as GOOD_BARS
from tests.builders.poison import POISON, mutants, neighbours

TABLES = (BARS, FUNDAMENTALS, NEWS, CORPORATE_ACTIONS, INSTRUMENTS)
SEED = 20_101


def build_all(spark: SparkSession, lake: Lake) -> None:
    ctx = workspace(lake)
    results = [build_silver(ctx, spark, pipeline) for pipeline in SILVER_PIPELINES]
    assert {result.status for result in results} <= {"done", "nothing_new"}, [
        (result.subject, result.detail) for result in results
    ]
    lake.drop_staging()


def published(lake: Lake, table: Table, where: str = "true") -> list[tuple[object, ...]]:
    rows = read_rows(lake, table, table.content_columns, where).to_pylist()
    return sorted(tuple(map(str, row.values())) for row in rows)


def of_neighbours(lake: Lake) -> dict[str, list[tuple[object, ...]]]:
    return {table.full_name: published(lake, table, "symbol LIKE 'GOOD%'") for table in TABLES}


@pytest.fixture(scope="module")
def clean(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """What is published of the neighbours where they are alone."""
    lake = Lake(str(tmp_path_factory.mktemp("clean") / "lake"))
    land_rows(lake, neighbours())
    build_all(spark, lake)
    assert all(rows for name, rows in of_neighbours(lake).items() if name != "silver.instruments")
    return lake


def test_no_kind_of_poison_stops_another_payload_or_its_own_good_parts(
    engine: SparkSession, lake: Lake, clean: Lake
) -> None:
    land_rows(lake, [*neighbours(), *(row for row, _, _ in POISON.values())])
    build_all(engine, lake)
    assert of_neighbours(lake) == of_neighbours(clean)

    quarantined = count_by_payload(lake, QUARANTINE)
    *others, listed = (count_by_payload(lake, table) for table in TABLES)
    for name, (row, good, bad) in POISON.items():
        payload_id = row["payload_id"]
        tables = [listed] if row["dataset"] == "listing_status" else others
        found = sum(table.get(payload_id, 0) for table in tables), quarantined.get(payload_id, 0)
        assert found == (good, bad), name


def count_by_payload(lake: Lake, table: Table) -> Counter[str]:
    return Counter(read_rows(lake, table, ["payload_id"])["payload_id"].to_pylist())


def test_a_bad_fact_costs_itself(spark: SparkSession, lake: Lake) -> None:
    row, *_ = POISON["a bad date and a bad number among facts"]
    land_rows(lake, [row])
    build_all(spark, lake)
    (facts,) = read_rows(lake, FUNDAMENTALS).to_pylist()
    assert (facts["symbol"], float(facts["beta"]), facts["name"]) == ("P17", 1.5, "P17 Inc")
    assert (facts["eps"], facts["latest_quarter"]) == (None, None)
    bad = {row["position"]: row for row in read_rows(lake, QUARANTINE).to_pylist()}
    assert {name: (row["raw_values"], row["reasons"]) for name, row in bad.items()} == {
        "/EPS": ("EPS=1.2.3e5", ["unreadable_number"]),
        "/LatestQuarter": ("LatestQuarter=9999-12-31", ["unreadable_date"]),
    }


def test_text_is_kept_where_it_can_be(spark: SparkSession, lake: Lake) -> None:
    names = ("half an emoji in a headline", "UTF-16", "half an emoji in a name")
    land_rows(lake, [POISON[name][0] for name in names])
    build_all(spark, lake)
    assert [row["title"] for row in read_rows(lake, NEWS).to_pylist()] == ["cut \N{REPLACEMENT CHARACTER}"]
    assert len(published(lake, BARS, "symbol = 'P09'")) == len(GOOD_BARS)
    assert read_rows(lake, FUNDAMENTALS)["name"].to_pylist() == ["\N{REPLACEMENT CHARACTER} cut"]


def test_of_many_mutants_none_stops_the_build_or_a_neighbour(
    engine: SparkSession, lake: Lake, clean: Lake
) -> None:
    land_rows(lake, [*neighbours(), *mutants(400, SEED)])
    build_all(engine, lake)
    assert of_neighbours(lake) == of_neighbours(clean)


def failing_on(symbols: set[str]) -> SilverPipeline:
    """A pipeline of bars whose query fails on rows of these symbols, as on values that no engine can hold."""
    pipeline = SILVER_PIPELINES[0]

    def validated(raw_df: DataFrame, datasets: ProviderDatasets) -> DataFrame:
        is_bad = F.col("symbol").isin(*symbols)
        checked = F.when(is_bad, F.raise_error(F.concat(F.lit("cannot hold "), F.col("symbol")))).otherwise(
            F.col("position")
        )
        return pipeline.validate(raw_df, datasets).withColumn("position", checked)

    return replace(pipeline, validate=validated)


@pytest.mark.parametrize("failing", [1, 3])
def test_payloads_on_which_the_engine_fails_are_quarantined_and_the_others_are_published(
    engine: SparkSession, lake: Lake, failing: int
) -> None:
    symbols = [f"S{number:02}" for number in range(9)]
    bad = set(symbols[2 : 2 + failing])
    land_rows(lake, [daily(symbol, GOOD_BARS) for symbol in symbols])
    pipeline = failing_on(bad)
    ctx = workspace(lake)
    result = build_silver(ctx, engine, pipeline)
    assert (result.status, result.rows_bad) == ("done", failing)
    assert set(read_rows(lake, BARS)["symbol"].to_pylist()) == set(symbols) - bad
    rows = read_rows(lake, QUARANTINE).to_pylist()
    assert {(row["symbol"], row["dataset"], tuple(row["reasons"])) for row in rows} == {
        (symbol, "daily", ("engine_error",)) for symbol in bad
    }
    assert all(f"cannot hold {row['symbol']}" in row["raw_values"] for row in rows)
    (detail,) = read_rows(lake, RUNS, ["detail"], f"status = 'done' AND run_id = '{ctx.run_id}'")["detail"]
    assert all(symbol in str(detail) for symbol in bad)
    assert build_silver(workspace(lake), engine, pipeline).status == "nothing_new"


def test_a_replay_goes_around_a_payload_on_which_the_engine_fails(
    spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_rows(lake, [daily(symbol, GOOD_BARS) for symbol in ("S1", "S2", "S3")])
    build_all(spark, lake)
    monkeypatch.setattr(
        "jobs.pipelines.replay.payloads.SILVER_PIPELINES", (failing_on({"S2"}), *SILVER_PIPELINES[1:])
    )
    bars, quarantine = replay_payloads(workspace(lake), spark, ReplayScope())
    assert (bars.status, quarantine.status) == ("replayed", "replayed")
    assert "S2" in str(bars.detail)
    assert set(read_rows(lake, BARS)["symbol"].to_pylist()) == {"S1", "S3"}
    assert read_rows(lake, QUARANTINE)["reasons"].to_pylist() == [["engine_error"]]

    monkeypatch.undo()
    replay_payloads(workspace(lake), spark, ReplayScope())
    assert set(read_rows(lake, BARS)["symbol"].to_pylist()) == {"S1", "S2", "S3"}
    assert read_rows(lake, QUARANTINE).num_rows == 0


def test_a_damaged_table_is_no_fault_of_a_payload(spark: SparkSession, lake: Lake) -> None:
    land_rows(lake, [daily("S1", GOOD_BARS)])
    build_all(spark, lake)
    for file in Path(lake.uri(BARS)).rglob("*.parquet"):
        file.unlink()
    land_rows(lake, [daily("S1", GOOD_BARS, at(1)), daily("S2", GOOD_BARS, at(1))])
    with pytest.raises(PySparkException):
        build_silver(workspace(lake), spark, SILVER_PIPELINES[0])
    assert read_rows(lake, QUARANTINE).num_rows == 0


def test_a_fault_of_our_own_quarantines_nothing(
    spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.pipelines.silver.isolation.MAX_FAILING", 2)
    symbols = ["S1", "S2", "S3"]
    land_rows(lake, [daily(symbol, GOOD_BARS) for symbol in symbols])
    with pytest.raises(PySparkException, match="cannot hold"):
        build_silver(workspace(lake), spark, failing_on(set(symbols)))
    assert read_rows(lake, QUARANTINE).num_rows == 0
    assert any(pending_payloads(lake)), "they stay pending"
