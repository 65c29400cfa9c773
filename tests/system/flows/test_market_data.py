"""What Prefect shows of the flow `market-data`: its artifacts, the state it ends in, and its warnings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.market_data import market_data
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.server import Simulator
from tests.builders.installation import Installation, install
from tests.system.flows.prefect_server import PrefectServer

pytestmark = pytest.mark.usefixtures("prefect_server", "environment")


def run(here: Installation) -> Any:
    """The state in which the flow run ends."""
    return market_data(here.config, return_state=True)


def test_a_run_ends_as_completed_with_its_stages_and_its_gates_as_artifacts(
    prefect_server: PrefectServer, here: Installation
) -> None:
    state = run(here)
    assert (state.name, state.result().failures) == ("Completed", ())
    artifacts = prefect_server.artifacts(state.state_details.flow_run_id)
    assert {key: found["type"] for key, found in artifacts.items()} == {
        "run-summary": "table",
        "gate-report": "markdown",
    }
    assert "silver.bars" in artifacts["run-summary"]["data"]
    assert "gold_signals" in artifacts["gate-report"]["data"]


def test_a_run_some_of_whose_requests_failed_ends_as_completed_with_failures_and_names_them(
    simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    disturbed = Fault(FaultKind.HTML, symbols=("IBM",), functions=("TIME_SERIES_DAILY",))
    state = run(install(tmp_path, simulate(faults=(disturbed,)).url, stocks=("NOSUCH", "IBM")))
    assert (state.type.value, state.name) == ("COMPLETED", "CompletedWithFailures")
    for failure in ("daily IBM: malformed", "daily NOSUCH: bad_symbol", "overview NOSUCH: no_data"):
        assert failure in str(state.message)
    assert state.result().has_failures


def test_a_run_that_has_no_key_at_all_ends_as_skipped_and_says_why(
    here: Installation, environment: pytest.MonkeyPatch
) -> None:
    environment.delenv("ALPHAVANTAGE_API_KEY")
    state = run(here)
    assert (state.type.value, state.name) == ("COMPLETED", "Skipped")
    assert str(state.message).startswith("alphavantage was skipped: ALPHAVANTAGE_API_KEY is not set")
    assert state.result().stages == ()


def test_a_provider_without_its_key_is_named_in_state_artifacts_and_warnings(
    here: Installation,
    simulator: Simulator,
    environment: pytest.MonkeyPatch,
    prefect_server: PrefectServer,
) -> None:
    environment.delenv("ALPHAVANTAGE_API_KEY")
    with Path(here.config).open("a") as settings:
        base_url = f"{simulator.base}/yahoo/v8/finance/chart"
        settings.write(f'[providers.yahoo]\nbase_url = "{base_url}"\ndatasets = ["daily"]\n')
    state = run(here)
    assert (state.type.value, state.name) == ("COMPLETED", "CompletedWithFailures")
    assert str(state.message).startswith("alphavantage was skipped: ALPHAVANTAGE_API_KEY is not set")
    flow_run_id = state.state_details.flow_run_id
    artifacts = str(prefect_server.artifacts(flow_run_id))
    assert "not requested: ALPHAVANTAGE_API_KEY is not set" in artifacts
    assert prefect_server.has_warning(flow_run_id, saying="alphavantage was skipped")
