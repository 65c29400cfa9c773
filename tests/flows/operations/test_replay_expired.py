"""A replay fetches expired flat files again, and names the days whose files it cannot fetch."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from config.secrets import Secrets
from delta_tables.storage.arrow_io import read_rows
from delta_tables.storage.lake import Lake
from delta_tables.tables.ops import RUNS
from delta_tables.tables.silver import BARS
from flows.handlers.massive.files import file_key
from flows.ingestion.fetch_files import fetch_files
from flows.ingestion.source import FetchRequest
from flows.landing.flat_files import landed_files
from flows.operations.replay import replay_files
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.server import Simulator
from jobs.pipelines.replay.scope import ReplayScope
from jobs.pipelines.silver.bar_files import build_bar_files
from jobs.runs.run_context import RunContext
from tests.builders.broken_validation import broken_validation
from tests.builders.flat_files import tick_workspace

NOW = datetime(2010, 8, 14, 12, tzinfo=UTC)
WEDNESDAY, THURSDAY = date(2010, 8, 11), date(2010, 8, 12)
ASKS = (FetchRequest("massive", "day_aggs_v1", None, WEDNESDAY, THURSDAY),)


@pytest.fixture
def simulator(simulate: Callable[..., Simulator]) -> Simulator:
    return simulate(clock=NOW)


@pytest.fixture
def filled(simulator: Simulator, spark: SparkSession, lake: Lake, tmp_path: Path) -> RunContext:
    """Two days of daily bars, fetched, built wrong, and expired."""
    made = tick_workspace(lake)
    massive = made.settings.providers.massive.model_copy(
        update={"endpoint_url": simulator.base, "attempts": 1, "timeout_seconds": 60.0}
    )
    providers = made.settings.providers.model_copy(update={"massive": massive})
    settings = made.settings.model_copy(update={"state_dir": tmp_path / "state", "providers": providers})
    keys = {"massive_access_key_id": "a-key-id", "massive_secret_access_key": "a-secret"}
    ctx = replace(made, settings=settings, secrets=Secrets.model_validate(keys), clock=lambda: NOW)
    fetch_files(ctx, ASKS)
    with broken_validation():
        build_bar_files(ctx, spark)
    for file in landed_files(lake):
        (Path(lake.root) / file.path).unlink()
    return ctx


def highs(lake: Lake, day: date) -> list[Any]:
    rows = read_rows(lake, BARS, ["symbol", "high"], f"trade_dt = date '{day}'").to_pylist()
    return [row["high"] for row in sorted(rows, key=lambda row: str(row["symbol"]))]


def test_expired_files_are_fetched_again_and_replayed(filled: RunContext, spark: SparkSession) -> None:
    lake, rows = filled.lake, landed_files(filled.lake)
    wrong = {day: highs(lake, day) for day in (WEDNESDAY, THURSDAY)}

    fetched, built = replay_files(filled, spark, ReplayScope())

    assert [each.status for each in built] == ["replayed", "replayed"]
    assert [each.failures for each in fetched] == [()]
    assert landed_files(lake) == rows
    for day, before in wrong.items():
        assert before
        assert highs(lake, day) == [high - 1 for high in before]


def test_days_whose_files_the_provider_has_changed_are_named_and_stay(
    filled: RunContext, spark: SparkSession, simulator: Simulator
) -> None:
    simulator.service.set_faults([Fault(FaultKind.CORRECTIONS, symbols=(str(THURSDAY),))])
    before = highs(filled.lake, THURSDAY)

    _, built = replay_files(filled, spark, ReplayScope())

    assert [each.status for each in built] == ["replayed", "blocked"]
    assert "day_aggs_v1 of 2010-08-12 cannot be replayed" in (built[1].detail or "")
    assert "the provider has other bytes now" in (built[1].detail or "")
    assert highs(filled.lake, THURSDAY) == before
    logged = read_rows(filled.lake, RUNS, ["detail"], "status = 'blocked'").to_pylist()
    assert [row["detail"] for row in logged] == [built[1].detail]


def test_days_whose_files_the_provider_no_longer_has_are_named(
    filled: RunContext, spark: SparkSession, simulator: Simulator
) -> None:
    provider_simulator: Any = simulator.service.provider_simulator("massive")
    provider_simulator.files.overrides[file_key("day_aggs_v1", THURSDAY)] = b"gone"
    _, built = replay_files(filled, spark, ReplayScope())
    assert [each.status for each in built] == ["replayed", "blocked"]
    assert "2010-08-12 cannot be replayed" in (built[1].detail or "")
    assert "not a gzip file" in (built[1].detail or "")


def test_without_keys_the_days_and_the_missing_keys_are_named(
    filled: RunContext, spark: SparkSession
) -> None:
    ctx = replace(filled, secrets=Secrets.model_validate({}))
    _, (lost,) = replay_files(ctx, spark, ReplayScope())
    assert lost.status == "blocked"
    assert "day_aggs_v1 of 2010-08-11, 2010-08-12 cannot be replayed" in (lost.detail or "")
    assert "MASSIVE_ACCESS_KEY_ID" in (lost.detail or "")
