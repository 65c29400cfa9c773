"""A body that arrives again is stored once and parsed again only where it can say something new."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.bronze import RAW_PAYLOADS
from delta_tables.tables.ops import RUNS
from delta_tables.tables.silver import BARS
from flows.handlers.models import RawPayload
from flows.landing.payloads import append_payloads
from jobs.history.pending_payloads import pending_window, read_payloads
from jobs.pipelines.gold.ticks import build_tick_gold
from jobs.pipelines.pending import advance_built_versions, has_pending_work, pending_payloads
from jobs.pipelines.replay.payloads import replay_payloads
from jobs.pipelines.replay.scope import ReplayScope
from jobs.pipelines.silver.payloads import build_silver
from jobs.pipelines.silver.tables import SILVER_PIPELINES
from serving.explain.explain import explain
from tests.builders.lakes import build_lake, hashes, land_rows, workspace
from tests.builders.payloads import DAYS, T0, at, bar, daily, overview

SECONDS = 1 / 3600
FIRST, OTHER = {DAYS[0]: bar("10.1"), DAYS[1]: bar("10.2")}, {DAYS[0]: bar("10.9"), DAYS[1]: bar("10.2")}


def received(row: dict[str, Any]) -> RawPayload:
    names = [each.name for each in fields(RawPayload)]
    return RawPayload(**{name: row[name] for name in names})


def land(lake: Lake, *rows: dict[str, Any]) -> None:
    """Lands as a run does; `land_rows` stores every body."""
    workspace(lake)
    append_payloads(lake, [received(row) for row in rows], "landed")


def bodies(lake: Lake) -> list[tuple[Any, ...]]:
    rows = read_rows(lake, RAW_PAYLOADS, ["symbol", "fetched_at", "body", "body_fetched_at"]).to_pylist()
    ordered = sorted(rows, key=lambda row: (row["symbol"], row["fetched_at"]))
    return [(row["symbol"], row["fetched_at"], bool(row["body"]), row["body_fetched_at"]) for row in ordered]


def test_an_equal_body_of_the_same_symbol_is_stored_once_a_month(lake: Lake) -> None:
    land(lake, daily("A", FIRST, at(1)), daily("A", FIRST, at(2)), daily("B", FIRST, at(1)))
    land(lake, daily("A", FIRST, at(3)), daily("A", OTHER, at(4)), daily("A", FIRST, at(0)))
    month = T0 + timedelta(days=31)
    land(lake, daily("A", FIRST, month), daily("A", FIRST, month + timedelta(hours=1)))
    assert bodies(lake) == [
        ("A", at(0), False, at(1)),
        ("A", at(1), True, None),
        ("A", at(2), False, at(1)),
        ("A", at(3), False, at(1)),
        ("A", at(4), True, None),
        ("A", month, True, None),
        ("A", month + timedelta(hours=1), False, month),
        ("B", at(1), True, None),
    ]


def test_what_arrives_is_landed_even_if_an_earlier_landing_is_damaged(lake: Lake) -> None:
    land(lake, daily("A", FIRST, at(1)))
    for file in Path(lake.uri(RAW_PAYLOADS)).glob("*.parquet"):
        file.write_bytes(b"damaged")
        damaged = file
    land(lake, daily("A", FIRST, at(2)))
    damaged.unlink()
    (landed,) = Path(lake.uri(RAW_PAYLOADS)).glob("*.parquet")
    (row,) = pq.read_table(landed).to_pylist()
    assert (bytes(row["body"]), row["body_fetched_at"]) == (daily("A", FIRST)["body"], None)


def story() -> list[list[dict[str, Any]]]:
    """Deliveries in which bodies repeat at once, later, after another body, and before what is known."""
    return [
        [daily("A", FIRST, at(1)), daily("B", FIRST, at(1)), overview("A", at(1), EPS="2")],
        [daily("A", FIRST, at(1 + SECONDS)), daily("B", OTHER, at(2)), overview("A", at(30), EPS="2")],
        [daily("A", OTHER, at(3)), daily("B", FIRST, at(4)), overview("A", at(31), EPS="3")],
        [daily("A", FIRST, at(5)), daily("B", OTHER, at(2.5)), overview("A", at(32), EPS="2")],
        [daily("A", OTHER, at(4)), daily("B", FIRST, at(0)), overview("A", at(30.5), EPS="2")],
    ]


def landed_whole(lake: Lake, deliveries: Iterable[list[dict[str, Any]]]) -> Lake:
    for rows in deliveries:
        land_rows(lake, rows)
    return lake


def test_silver_and_gold_are_those_of_bodies_that_were_all_stored(
    engine: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    other_lake = Lake(str(tmp_path / "whole"))
    for rows in story():
        land(lake, *rows)
        for pipeline in SILVER_PIPELINES:
            build_silver(workspace(lake), engine, pipeline)
    build_lake(engine, lake)
    build_lake(engine, landed_whole(other_lake, story()))
    assert sum(1 for row in bodies(lake) if not row[2]) == 9
    assert hashes(lake) == hashes(other_lake)
    assert {row["symbol"] for row in read_rows(lake, BARS).to_pylist()} == {"A", "B"}

    built = hashes(lake)
    replay_payloads(workspace(lake), engine, ReplayScope())
    assert hashes(lake) == built


def test_every_payload_is_read_with_the_body_that_it_had(engine: SparkSession, lake: Lake) -> None:
    for rows in story():
        land(lake, *rows)
    payloads_df = read_payloads(engine, lake, pending_window(lake, None))
    found = {
        (row["dataset"], row["symbol"], row["fetched_at"].timestamp(), bytes(row["body"]))
        for row in payloads_df.collect()
    }
    sent = [row for rows in story() for row in rows]
    assert found == {
        (row["dataset"], row["symbol"], row["fetched_at"].timestamp(), row["body"]) for row in sent
    }
    assert payloads_df.count() == len(sent)


@pytest.mark.parametrize(
    ("landed_later", "in_bars", "in_others"),
    [
        ([daily("A", FIRST, at(1 + SECONDS))], 0, 0),
        ([daily("A", FIRST, at(2))], 1, 0),  # a bar may have ended since
        ([daily("A", FIRST, at(0))], 1, 1),  # known earlier than thought
        ([daily("A", OTHER, at(1 + SECONDS))], 1, 1),
        ([daily("A", OTHER, at(1 + SECONDS)), daily("A", FIRST, at(1 + 2 * SECONDS))], 2, 2),
        ([daily("A", FIRST, at(1), interval="5min")], 1, 1),  # another series
        ([overview("A", at(9), EPS="2"), overview("A", at(10), EPS="2")], 2, 1),
    ],
)
def test_a_repeat_is_pending_only_where_it_can_say_something_new(
    lake: Lake, landed_later: list[dict[str, Any]], in_bars: int, in_others: int
) -> None:
    land(lake, daily("A", FIRST, at(1)))
    built = pending_window(lake, None).version
    land(lake, *landed_later)
    assert pending_window(lake, built).payload_count == in_bars
    others = pending_window(lake, built, of_bars=False)
    assert others.payload_count == in_others
    assert bool(others.provider_datasets) == bool(in_others)


def test_a_build_that_finds_repeats_only_starts_no_engine_and_does_not_fall_behind(
    spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.pipelines.pending._MAX_VERSIONS_BEHIND", 5)
    land(lake, daily("A", FIRST, at(1)))
    build_lake(spark, lake)
    build_tick_gold(workspace(lake), spark)
    for number in range(1, 6):
        land(lake, daily("A", FIRST, at(1 + number * SECONDS)))
    ctx = workspace(lake)
    payloads = pending_payloads(lake)
    assert not has_pending_work(ctx, payloads)
    advance_built_versions(ctx, payloads)
    recorded = read_rows(lake, RUNS, ["subject", "bronze_version"], f"run_id = '{ctx.run_id}'").to_pylist()
    version = payloads[0].window.version
    assert {"subject": "silver.bars", "bronze_version": version} in recorded
    assert all(pending.built_version == version for pending in pending_payloads(lake))
    land(lake, daily("A", OTHER, at(2)))
    assert has_pending_work(ctx, pending_payloads(lake))


def test_what_a_repeat_says_is_explained_by_the_stored_body(spark: SparkSession, lake: Lake) -> None:
    land(lake, daily("A", FIRST, at(1)))
    land(lake, daily("A", FIRST, at(0)))
    build_lake(spark, lake)
    (row,) = (row for row in read_rows(lake, BARS).to_pylist() if str(row["trade_dt"]) == DAYS[0])
    assert row["known_from"] == at(0)
    key = [f"{name}={row[name]}" for name in ("provider", "symbol", "interval")]
    explained = explain(lake, "silver.bars", [*key, f"timestamp={row['timestamp'].isoformat()}"])
    (source,) = explained.sources
    assert source.is_intact
    assert "10.1" in str(source.excerpts)
