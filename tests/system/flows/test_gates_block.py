"""What Prefect shows of a batch that its gate refuses: the run's state, its gate report, and an event."""

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from flows.backfill import backfill
from flows.operations.run_summary import BuildBlocked
from jobs.runs.run_context import CHECKS, RunContext, open_run_context
from tests.builders.installation import Installation
from tests.system.flows.prefect_server import PrefectServer

RULE = "no price above one dollar"


@pytest.fixture
def stricter_checks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The flow `backfill` runs with one more rule for silver.bars, which no batch meets."""
    shutil.copytree(CHECKS, tmp_path / "checks")
    rule = f"  - failed rows:\n      name: {RULE}\n      fail condition: close > 1\n"
    with (tmp_path / "checks/silver_bars.yml").open("a") as file:
        file.write(rule)

    def opened(config_file: str | None = None) -> RunContext:
        return replace(open_run_context(config_file), checks=tmp_path / "checks")

    monkeypatch.setattr("flows.backfill.open_run_context", opened)


@pytest.mark.usefixtures("environment", "stricter_checks")
def test_a_refused_batch_fails_the_run_and_is_in_its_gate_report_and_in_an_event(
    here: Installation, prefect_server: PrefectServer
) -> None:
    wanted = (date(2010, 8, 2), date(2010, 8, 13), ["daily"], ["AAPL"])
    state = backfill(*wanted, config_file=here.config, return_state=True)
    error = state.result(raise_on_failure=False)
    assert (state.type.value, type(error)) == ("FAILED", BuildBlocked)
    assert RULE in str(error)
    artifacts = prefect_server.artifacts(state.state_details.flow_run_id)
    assert RULE in artifacts["gate-report"]["data"]
    assert prefect_server.has_event("market-lakehouse.gate.refused", saying=str(error))
