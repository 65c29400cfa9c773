"""A batch that its gate refuses changes nothing, is recorded, stays pending, and is published once mended."""

import shutil
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from pathlib import Path

import pytest

from delta_tables.tables.ops import GATE_RESULTS, RUNS
from flows.operations.backfill import BackfillRange, backfill
from flows.operations.build import build
from flows.operations.run_summary import BuildBlocked, RunSummary
from flows.simulator.server import Simulator
from flows.simulator.service import SimulatorConfig
from jobs.runs.run_context import CHECKS, RunContext, open_run_context
from tests.builders.installation import NOW, Installation, install
from tests.builders.lakes import hashes

pytestmark = pytest.mark.usefixtures("environment", "still_clock")

RULE = "no price above one dollar"
# The dataset whose gate refuses, the stage that is blocked, the layers that must not change.
REFUSALS = [("silver_bars", "silver.bars", ("silver", "gold")), ("gold_stock_overview", "gold", ("gold",))]


def context(here: Installation, checks: Path = CHECKS) -> RunContext:
    return replace(open_run_context(here.config), checks=checks)


def fetch(here: Installation, symbol: str, checks: Path = CHECKS) -> RunSummary:
    wanted = BackfillRange(date(2010, 8, 2), date(2010, 8, 13), ("daily",), (symbol,))
    return backfill(context(here, checks), wanted)


def stricter_checks(folder: Path, dataset: str) -> Path:
    """The project's checks with one more rule for the dataset, which no batch meets."""
    shutil.copytree(CHECKS, folder)
    rule = f"  - failed rows:\n      name: {RULE}\n      fail condition: close > 1\n"
    with (folder / f"{dataset}.yml").open("a") as file:
        file.write(rule)
    return folder


@cache
def never_blocked(folder: Path) -> dict[str, str]:
    """The hashes of a lake in which no gate refused a batch."""
    with Simulator(SimulatorConfig(clock=datetime.fromisoformat(NOW))) as simulator:
        here = install(folder, simulator.url)
        for symbol in ("AAPL", "IBM"):
            assert not fetch(here, symbol).has_failures
        return hashes(here.lake)


@pytest.mark.parametrize(("dataset", "subject", "layers"), REFUSALS)
def test_a_refused_batch_changes_no_table_is_recorded_and_is_published_once_the_rule_is_mended(
    dataset: str,
    subject: str,
    layers: tuple[str, ...],
    tmp_path: Path,
    simulator: Simulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    here = install(tmp_path / "blocked", simulator.url)
    assert not fetch(here, "AAPL").has_failures
    content, versions = hashes(here.lake), here.versions()

    with pytest.raises(BuildBlocked, match=dataset) as refused:
        fetch(here, "IBM", stricter_checks(tmp_path / "checks", dataset))
    assert RULE in str(refused.value)

    kept = [name for name in versions if name.startswith(layers)]
    assert {name: here.versions()[name] for name in kept} == {name: versions[name] for name in kept}
    assert {name: hashes(here.lake)[name] for name in kept} == {name: content[name] for name in kept}
    run = max(row["run_id"] for row in here.rows(RUNS))
    verdicts = here.rows(GATE_RESULTS, f"run_id = '{run}' AND outcome = 'fail'")
    assert {(row["dataset"], row["check"]) for row in verdicts} == {(dataset, RULE)}
    blocked = here.rows(RUNS, f"run_id = '{run}' AND status = 'blocked'")
    assert [row["subject"] for row in blocked] == [subject]
    gates = [gate for stage in refused.value.summary.stages for gate in stage.gates]
    assert [gate.dataset for gate in gates if not gate.is_publishable] == [dataset]

    build(context(here))
    assert hashes(here.lake) == never_blocked(tmp_path_factory.getbasetemp() / "never-blocked")


def test_a_checks_folder_without_the_file_blocks(here: Installation, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(BuildBlocked):
        fetch(here, "AAPL", tmp_path / "nothing")
    assert set(here.versions().values()) == {0}
