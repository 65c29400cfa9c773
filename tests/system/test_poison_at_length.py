"""Thousands of mutated payloads in one delivery: the build never stops, and no neighbour is lost."""

import pytest
from pyspark.sql import SparkSession

from delta_tables.storage.lake import Lake
from tests.builders.lakes import land_rows
from tests.builders.poison import mutants, neighbours
from tests.jobs.test_poison import build_all, clean, of_neighbours

__all__ = ["clean"]  # a fixture


@pytest.mark.parametrize("seed", [1, 2])
def test_of_thousands_of_mutants_none_stops_the_build_or_a_neighbour(
    engine: SparkSession, lake: Lake, clean: Lake, seed: int
) -> None:
    land_rows(lake, [*neighbours(), *mutants(2500, seed)])
    build_all(engine, lake)
    assert of_neighbours(lake) == of_neighbours(clean)
