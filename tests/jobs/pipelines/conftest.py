"""A lake of many small files, built once to be copied."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from delta_tables.storage.lake import Lake
from tests.builders.small_files import copied, land_and_build


@pytest.fixture(scope="session")
def built_of_small_files(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Built by the embedded engine; both engines maintain copies of it."""
    lake = Lake(str(tmp_path_factory.mktemp("built") / "lake"))
    land_and_build(lake, spark)
    return lake


@pytest.fixture
def small(built_of_small_files: Lake, tmp_path: Path) -> Lake:
    """A lake of many small files, of the test's own."""
    return copied(built_of_small_files, tmp_path / "small")
