"""The engines, started once: `spark` is the embedded one, `engine` is each of both in turn; and a store."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pyspark.sql import SparkSession

from config.settings import Settings
from delta_tables.storage.lake import Lake
from jobs.engine.session import engine_session
from tests.builders.interpreted import interpret
from tests.servers.minio import Store, minio_server

NOWHERE = Lake("/nowhere")
UMASK = os.umask(0o022)  # this process' own, which can only be read by setting it
os.umask(UMASK)
SYSTEM_FOLDER = Path(__file__).with_name("system")  # single tests elsewhere bear the mark themselves
# They begin first, so that at the end no process has a long one left; a file stays in one process.
LONGEST = ("tests/central/", "tests/serving/export/test_adjusted.py", "tests/jobs/test_breaks_build.py")

# how long an example takes says how busy the machine is
hypothesis_settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("any machine")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks the tests of `make test-system`; with several processes, one has all tests of Apache Spark."""
    if SYSTEM_FOLDER in item.path.parents:
        item.add_marker("system")
    if item.config.pluginmanager.hasplugin("xdist"):
        group = "spark" if item.get_closest_marker("spark") else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest tests first."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(autouse=True)
def umask_as_before() -> Iterator[None]:
    """Commands and runs in this process make files private (config/file_modes.py); later tests need not."""
    os.umask(UMASK)
    yield
    os.umask(UMASK)


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    with engine_session(Settings(), NOWHERE) as session:
        yield session


@pytest.fixture(scope="session")
def apache_spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    state = tmp_path_factory.mktemp("spark")
    with engine_session(Settings(engine="spark", state_dir=state), NOWHERE) as session:
        interpret(session)
        yield session


@pytest.fixture(scope="session", params=["embedded", pytest.param("apache", marks=pytest.mark.spark)])
def engine(request: pytest.FixtureRequest) -> SparkSession:
    """Both engines in turn: what holds on the one has to hold on the other."""
    session: SparkSession = request.getfixturevalue(
        "spark" if request.param == "embedded" else "apache_spark"
    )
    return session


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A MinIO of the module's own; its tests are marked `needs_minio`."""
    with minio_server(tmp_path_factory.mktemp("minio")) as found:
        yield found


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    folder = tmp_path / "lake"
    yield Lake(str(folder))
    shutil.rmtree(folder, ignore_errors=True)
