"""The central property: a run killed at any point and run again gives the lake of one clean run."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from delta_tables.storage.lake import Lake
from tests.builders.lakes import build_lake, land_rows
from tests.central.test_order_does_not_matter import deliveries, payloads, require_clean
from tests.system.killed_build import POINTS

SCRIPT = Path(__file__).with_name("killed_build.py")
SIGKILL = -9


def run(lake: Lake, point: str) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, str(SCRIPT), lake.root, point]
    return subprocess.run(command, capture_output=True, timeout=600, check=False)


def run_and_die(lake: Lake, point: str) -> None:
    done = run(lake, point)
    assert done.returncode == SIGKILL, done.stderr.decode()[-2000:]


def split(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Two deliveries, not in the order of receipt, so that the killed build has history to change."""
    return rows[1::2], rows[0::2]


@pytest.mark.parametrize("point", POINTS)
def test_a_build_killed_and_run_again_gives_the_hashes_of_one_clean_run(
    spark: SparkSession, lake: Lake, point: str
) -> None:
    first, second = split(payloads())
    land_rows(lake, first)
    build_lake(spark, lake)
    land_rows(lake, second)
    run_and_die(lake, point)
    build_lake(spark, lake)
    require_clean(spark, lake)


@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(parts=deliveries(), point=st.sampled_from(POINTS), victim=st.integers(0, 3))
def test_any_deliveries_with_a_kill_at_any_point_give_the_clean_lake(
    spark: SparkSession, parts: list[list[int]], point: str, victim: int
) -> None:
    """The build of one delivery is killed, unless it ends before that point; the next build continues."""
    rows = payloads()
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(f"{folder}/lake")
        for number, part in enumerate(parts):
            land_rows(lake, [rows[each] for each in part])
            if number == victim % len(parts):
                run(lake, point)
            else:
                build_lake(spark, lake)
        build_lake(spark, lake)
        require_clean(spark, lake)


def test_builds_killed_at_every_point_in_turn_still_end_in_the_clean_lake(
    spark: SparkSession, lake: Lake
) -> None:
    land_rows(lake, payloads())
    for point in POINTS:
        if point == "inside_gold_publish":
            land_rows(lake, payloads()[:2])
        run_and_die(lake, point)
    build_lake(spark, lake)
    require_clean(spark, lake)
