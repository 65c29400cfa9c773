"""Every flow runs on a Prefect server, ends there as completed, and shows what it did.

`market-data` and `backfill` have tests of their own.
"""

from collections.abc import Callable
from typing import Any

import pytest

from flows.build import build, rebuild
from flows.demo import demo
from flows.ingest import ingest
from flows.maintain import maintain
from flows.replay import replay
from tests.builders.installation import Installation
from tests.builders.lakes import hashes
from tests.system.flows.prefect_server import PrefectServer

pytestmark = pytest.mark.usefixtures("environment")

FLOWS: dict[str, Callable[[str], Any]] = {
    "ops.completeness": lambda config: build(config, return_state=True),
    "gold": lambda config: rebuild(config, return_state=True),
    "silver.bars": lambda config: replay(config_file=config, return_state=True),
    "alphavantage/daily": lambda config: ingest(config, return_state=True),
}


@pytest.mark.parametrize("subject", FLOWS)
def test_a_flow_ends_as_completed_with_its_stages_as_an_artifact(
    subject: str, full: Installation, prefect_server: PrefectServer
) -> None:
    before = hashes(full.lake)
    state = FLOWS[subject](full.config)
    assert state.name == "Completed"
    artifacts = prefect_server.artifacts(state.state_details.flow_run_id)
    assert f'"{subject}"' in artifacts["run-summary"]["data"]
    assert hashes(full.lake) == before


def test_maintain_shows_the_storage_by_layer_and_by_table(
    full: Installation, prefect_server: PrefectServer
) -> None:
    before = hashes(full.lake)
    state = maintain(full.config, return_state=True)
    assert state.name == "Completed"
    artifacts = prefect_server.artifacts(state.state_details.flow_run_id)
    assert set(artifacts) == {"storage", "storage-tables"}
    assert '"landing"' in artifacts["storage"]["data"]
    assert '"silver.bars"' in artifacts["storage-tables"]["data"]
    assert hashes(full.lake) == before


def test_the_demo_fills_a_lake(
    here: Installation, environment: pytest.MonkeyPatch, prefect_server: PrefectServer
) -> None:
    environment.setenv("LAKEHOUSE_CONFIG", here.config)
    environment.setattr("flows.operations.demo.load_histories", lambda: ("AAPL", "IBM"))
    state = demo(return_state=True)
    assert state.name == "Completed"
    artifacts = prefect_server.artifacts(state.state_details.flow_run_id)
    assert '"alphavantage/intraday"' in artifacts["run-summary"]["data"]
