"""The central property: a run killed at any point and run again gives the lake of one clean run."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from delta_tables.lake import Lake
from tests.central.killed_build import POINTS
from tests.central.test_order_does_not_matter import clean_run, payloads
from tests.lakes import build_lake, hashes, land_rows

SCRIPT = Path(__file__).with_name("killed_build.py")
SIGKILL = -9


def run_and_die(lake: Lake, point: str) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, lake.root, point], capture_output=True, timeout=120, check=False
    )
    assert done.returncode == SIGKILL, done.stderr.decode()[-2000:]


def split(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Two deliveries out of order of knowledge, so that the killed build has history to change."""
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
    assert hashes(lake) == clean_run(spark)


def test_builds_killed_at_every_point_in_turn_still_end_in_the_clean_lake(
    spark: SparkSession, lake: Lake
) -> None:
    land_rows(lake, payloads())
    for point in POINTS:
        if point == "inside_gold_publish":
            land_rows(lake, payloads()[:2])
        run_and_die(lake, point)
    build_lake(spark, lake)
    assert hashes(lake) == clean_run(spark)
