"""A batch that its gate refuses changes nothing, is told everywhere, stays pending, and can be mended."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from delta_tables.tables.ops import GATE_RESULTS, RUNS
from flows.backfill import backfill
from flows.build import build
from flows.operations.run_summary import BuildBlocked
from flows.simulator.server import Simulator
from flows.simulator.service import SimulatorConfig
from jobs.runs.run_context import CHECKS, RunContext, open_run_context
from tests.flows.installation import NOW, Installation, install
from tests.flows.prefect_server import PrefectServer
from tests.lakes import hashes

pytestmark = pytest.mark.usefixtures("prefect_server", "environment", "still_clock")

RULE = "no price above one dollar"
# The dataset that refuses, the stage that is blocked, the tables that must not move.
REFUSALS = [("silver_bars", "silver.bars", ("silver", "gold")), ("gold_stock_overview", "gold", ("gold",))]


def fetch(here: Installation, symbol: str) -> Any:
    return backfill(date(2010, 8, 2), date(2010, 8, 13), ["daily"], [symbol], here.config, return_state=True)


def stricter_checks(folder: Path, dataset: str) -> Path:
    """The project's checks with one more rule for the dataset, which no batch meets."""
    shutil.copytree(CHECKS, folder)
    rule = f"  - failed rows:\n      name: {RULE}\n      fail condition: close > 1\n"
    with (folder / f"{dataset}.yml").open("a") as file:
        file.write(rule)
    return folder


@pytest.fixture
def with_checks(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes the flows judge by another folder of checks."""

    def use(checks: Path) -> None:
        def opened(config_file: str | None = None) -> RunContext:
            return replace(open_run_context(config_file), checks=checks)

        for flow in ("build", "backfill"):
            monkeypatch.setattr(f"flows.{flow}.open_workspace", opened)

    return use


@cache
def never_blocked(folder: Path) -> dict[str, str]:
    """The hashes of a lake that met no refusal."""
    with Simulator(SimulatorConfig(clock=datetime.fromisoformat(NOW))) as simulator:
        here = install(folder, simulator.url)
        for symbol in ("AAPL", "IBM"):
            assert fetch(here, symbol).name == "Completed"
        return hashes(here.lake)


@pytest.mark.parametrize(("dataset", "subject", "layers"), REFUSALS)
def test_a_refused_batch_changes_no_table_is_told_and_is_published_once_the_rule_is_mended(
    dataset: str,
    subject: str,
    layers: tuple[str, ...],
    tmp_path: Path,
    simulator: Simulator,
    with_checks: Callable[[Path], None],
    prefect_server: PrefectServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    here = install(tmp_path / "blocked", simulator.url)
    assert fetch(here, "AAPL").name == "Completed"
    content, versions = hashes(here.lake), here.versions()

    with_checks(stricter_checks(tmp_path / "checks", dataset))
    state = fetch(here, "IBM")
    error = state.result(raise_on_failure=False)
    assert (state.type.value, type(error)) == ("FAILED", BuildBlocked)
    assert dataset in str(error)
    assert RULE in str(error)

    kept = [name for name in versions if name.startswith(layers)]
    assert {name: here.versions()[name] for name in kept} == {name: versions[name] for name in kept}
    assert {name: hashes(here.lake)[name] for name in kept} == {name: content[name] for name in kept}
    run = max(row["run_id"] for row in here.rows(RUNS))
    verdicts = here.rows(GATE_RESULTS, f"run_id = '{run}' AND outcome = 'fail'")
    assert {(row["dataset"], row["check"]) for row in verdicts} == {(dataset, RULE)}
    blocked = here.rows(RUNS, f"run_id = '{run}' AND status = 'blocked'")
    assert [row["subject"] for row in blocked] == [subject]
    artifacts = prefect_server.artifacts(state.state_details.flow_run_id)
    assert RULE in artifacts["gate-report"]["data"]
    assert prefect_server.has_event("market-lakehouse.gate.refused", saying=str(error))

    with_checks(CHECKS)
    build(here.config)
    assert hashes(here.lake) == never_blocked(tmp_path_factory.getbasetemp() / "never-blocked")


def test_a_checks_folder_without_the_file_blocks(
    here: Installation, tmp_path: Path, with_checks: Callable[[Path], None]
) -> None:
    (tmp_path / "nothing").mkdir()
    with_checks(tmp_path / "nothing")
    error = fetch(here, "AAPL").result(raise_on_failure=False)
    assert isinstance(error, BuildBlocked)
    assert set(here.versions().values()) == {0}
