"""The central property: any split, shuffle and repeat of the same payloads gives the same lake."""

import shutil
import tempfile
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.silver import BARS
from tests.builders.lakes import build_lake, hashes, land_rows, rows_that_differ
from tests.builders.payloads import DAYS, at, bar, daily, intraday, overview
from tests.builders.small_files import build_bars

_BASE = {day: bar(f"{10 + number / 10:.1f}", str(1000 + 10 * number)) for number, day in enumerate(DAYS)}
_NOON = {f"2010-08-20 12:{minute:02d}:00": bar("10.2", "50") for minute in (0, 5, 10)}


def payloads() -> list[dict[str, Any]]:
    """A story with corrections, a correction taken back, faulty rows, and facts that change."""
    return [
        daily("A", dict(list(_BASE.items())[:4]), at(0)),
        daily("A", _BASE, at(10)),
        daily("A", {**_BASE, DAYS[2]: bar("10.9", "5000")}, at(20)),
        daily("A", _BASE, at(30)),
        daily("B", {**_BASE, DAYS[1]: ("10", "9", "9", "9.5", "7")}, at(5)),
        daily("B", {**_BASE, DAYS[6]: bar("12.5", "9999")}, at(25)),
        intraday("A", _NOON, at(1)),
        intraday("A", {**_NOON, "2010-08-20 12:05:00": bar("10.4", "60")}, at(12)),
        overview("A", at(2), EPS="2"),
        overview("A", at(15), EPS="0.1"),
        overview("A", at(28), EPS="2"),
    ]


@cache
def clean_run(spark: SparkSession) -> dict[str, str]:
    """The hashes of one run over everything at once."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(f"{folder}/lake")
        land_rows(lake, payloads())
        build_lake(spark, lake)
        return hashes(lake)


def require_clean(spark: SparkSession, lake: Lake) -> None:
    """Fails, and shows the rows, where the lake is not that of one run over everything at once."""
    if hashes(lake) == clean_run(spark):
        return
    with tempfile.TemporaryDirectory() as folder:
        clean = Lake(f"{folder}/lake")
        land_rows(clean, payloads())
        build_lake(spark, clean)
        raise AssertionError("\n".join(rows_that_differ(lake, clean)) or "the clean run was another one")


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[int]]:
    """The payloads' numbers, shuffled, some twice, cut into up to four deliveries."""
    numbers = list(range(len(payloads())))
    order = draw(st.permutations(numbers + draw(st.lists(st.sampled_from(numbers), max_size=4))))
    cuts = sorted(draw(st.lists(st.integers(1, len(order) - 1), max_size=3, unique=True)))
    return [order[start:end] for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True)]


def few_examples(count: int) -> settings:
    """Each example builds a lake; shrinking a failing example would take many minutes."""
    return settings(
        max_examples=count,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
    )


@few_examples(4)
@given(parts=deliveries())
def test_any_split_shuffle_and_repeat_gives_the_hashes_of_one_clean_run(
    spark: SparkSession, parts: list[list[int]]
) -> None:
    require_clean_after(spark, parts)


def require_clean_after(spark: SparkSession, parts: list[list[int]]) -> None:
    """Lands and builds the deliveries one by one, and fails where the lake is not that of one run."""
    rows = payloads()
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(str(Path(folder) / "lake"))
        for part in parts:
            land_rows(lake, [rows[number] for number in part])
            build_lake(spark, lake)
        require_clean(spark, lake)


@pytest.mark.parametrize("moved", ["silver/bars", "silver/fundamentals", "gold/signals"])
def test_a_table_that_was_moved_away_is_built_again_from_bronze(
    spark: SparkSession, lake: Lake, moved: str
) -> None:
    land_rows(lake, payloads())
    build_lake(spark, lake)
    shutil.rmtree(f"{lake.root}/{moved}")
    build_lake(spark, lake)
    require_clean(spark, lake)


def test_as_of_an_instant_gives_what_was_published_then(spark: SparkSession, lake: Lake) -> None:
    published: dict[datetime, list[Any]] = {}
    for row in sorted(payloads(), key=lambda each: each["fetched_at"]):
        land_rows(lake, [row])
        build_bars(lake, spark)
        published[row["fetched_at"]] = _values(lake, "known_to IS NULL")
    for instant, expected in published.items():
        literal = f"to_timestamp('{instant.isoformat()}')"
        as_of = f"known_from <= {literal} AND (known_to IS NULL OR known_to > {literal})"
        assert _values(lake, as_of) == expected


def _values(lake: Lake, where: str) -> list[Any]:
    names = ("symbol", "interval", "timestamp", "open", "high", "low", "close", "volume", "payload_id")
    return sorted(tuple(row.values()) for row in read_rows(lake, BARS, names, where).to_pylist())
