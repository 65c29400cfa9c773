"""A filled lake, written once; readers do not change it."""

from pathlib import Path

import pytest

from delta_tables.storage.lake import Lake
from tests.builders import sample_lake


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("serving") / "lake"))
    sample_lake.fill(lake)
    return lake


@pytest.fixture
def absent(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "absent"))
