"""A store that is gone, or hangs, fails a query of Apache Spark within a minute."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from config.settings import Settings
from delta_tables.storage.lake import Lake
from delta_tables.tables.silver import BARS
from jobs.engine.session import engine_session
from tests.servers.silent_store import silent_store

pytestmark = pytest.mark.spark
LIMIT_SECONDS = 60.0
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(params=["hanging", "refused"])
def dead_lake(request: pytest.FixtureRequest) -> Iterator[Lake]:
    with ExitStack() as stack:
        endpoint = stack.enter_context(silent_store()) if request.param == "hanging" else NOBODY
        key = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        yield Lake("s3a://market/lake", {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1", **key})


@pytest.fixture
def session(dead_lake: Lake, tmp_path: Path) -> Iterator[SparkSession]:
    """A session that has answered once: its start does not count."""
    with engine_session(Settings(engine="spark", state_dir=tmp_path), dead_lake) as spark:
        assert spark.range(3).count() == 3
        yield spark


def test_a_query_on_a_dead_store_fails_within_a_minute(session: SparkSession, dead_lake: Lake) -> None:
    began = time.monotonic()
    with pytest.raises(PySparkException, match=r"s3a://market/lake/silver/bars"):
        session.read.format("delta").load(dead_lake.uri(BARS)).count()
    assert time.monotonic() - began < LIMIT_SECONDS
