"""A run for the latest data lands, builds and publishes; a request that fails stops no other."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from delta_tables.tables import bronze, gold, silver
from delta_tables.tables.ops import RUNS
from flows.cli.summary import print_summary
from flows.operations.run_summary import RunSummary
from flows.simulator.alphavantage.plans import PLANS, PlanName, SubscriptionPlan
from flows.simulator.faults import Fault, FaultKind
from flows.simulator.server import Simulator
from tests.builders.installation import Installation, install
from tests.builders.lakes import hashes
from tests.builders.runs import run_latest

pytestmark = pytest.mark.usefixtures("environment")


def stages(summary: RunSummary) -> dict[str, str]:
    return {stage.subject: stage.status for stage in summary.stages}


def symbols(here: Installation, table: Any) -> set[str]:
    return {row["symbol"] for row in here.rows(table)}


def test_a_run_lands_builds_and_publishes(simulator: Simulator, tmp_path: Path) -> None:
    here = install(tmp_path, simulator.url, stocks=("AAPL", "IBM"), fx=("EURUSD",))
    summary = run_latest(here)
    assert (summary.has_failures, summary.failures, summary.not_requested) == (False, (), 0)
    assert stages(summary) == {
        "alphavantage/daily": "done",
        "alphavantage/intraday": "done",
        "alphavantage/overview": "done",
        "alphavantage/fx_daily": "done",
        "silver.bars": "done",
        "silver.fundamentals": "done",
        "silver.corporate_actions": "nothing_new",
        "silver.news": "nothing_new",
        "silver.instruments": "nothing_new",
        "gold": "done",
        "gold_ticks": "done",
        "ops.completeness": "done",
    }
    by_subject = {stage.subject: stage for stage in summary.stages}
    assert by_subject["alphavantage/daily"].rows_out == 2
    assert by_subject["silver.bars"].rows_out == len(here.rows(silver.BARS)) > 3000
    assert {row["run_id"] for row in here.rows(silver.BARS)} == {summary.run_id}
    for table in (gold.DAILY_KPIS, gold.SIGNALS, gold.STOCK_OVERVIEW):
        assert symbols(here, table) >= {"AAPL", "IBM"}
    assert not (Path(here.lake.root) / "_staging" / summary.run_id).exists()
    gates = {gate.dataset for stage in summary.stages for gate in stage.gates}
    assert gates >= {"silver_bars", "gold_signals"}


def test_a_second_run_with_nothing_new_changes_no_table(here: Installation, simulator: Simulator) -> None:
    run_latest(here)
    versions, content = here.versions(), hashes(here.lake)
    later = install(here.folder, simulator.url, now="2010-08-20T23:30:00+00:00")
    summary = run_latest(later)
    assert (summary.failures, summary.stages[0].rows_out) == ((), 1)
    assert here.versions() == versions
    assert hashes(here.lake) == content


def test_an_unknown_symbol_and_a_malformed_response_do_not_stop_the_others(
    simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    disturbed = Fault(FaultKind.HTML, symbols=("IBM",), functions=("TIME_SERIES_DAILY",))
    here = install(tmp_path, simulate(faults=(disturbed,)).url, stocks=("AAPL", "NOSUCH", "IBM", "KO"))
    summary = run_latest(here)
    assert summary.has_failures
    for failure in ("daily IBM: malformed", "daily NOSUCH: bad_symbol", "overview NOSUCH: no_data"):
        assert failure in summary.failures_text
    assert {(each.dataset, each.symbol, each.error_class) for each in summary.failures} == {
        ("daily", "IBM", "malformed"),
        ("daily", "NOSUCH", "bad_symbol"),
        ("intraday", "NOSUCH", "bad_symbol"),
        ("overview", "NOSUCH", "no_data"),
    }
    assert {row["symbol"] for row in here.rows(silver.BARS, "\"interval\" = '1day'")} == {"AAPL", "KO"}
    letters = here.rows(bronze.DEAD_LETTERS, "dataset = 'daily'")
    assert {(row["symbol"], row["error_class"]) for row in letters} == {
        ("IBM", "malformed"),
        ("NOSUCH", "bad_symbol"),
    }
    assert b"<html>" in next(row["body"] for row in letters if row["symbol"] == "IBM")
    landed = here.rows(bronze.RAW_PAYLOADS)
    assert not [row for row in landed if b"<html>" in row["body"] or b"Error Message" in row["body"]]


def test_a_used_up_quota_ends_the_requests_and_the_rest_is_counted(
    simulate: Callable[..., Simulator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PLANS, PlanName.PREMIUM, SubscriptionPlan(calls_per_day=2))
    simulator = simulate(plan=PlanName.PREMIUM)
    here = install(tmp_path, simulator.url, stocks=("AAPL", "IBM", "KO", "XOM"), threads=1)
    summary = run_latest(here)
    assert {each.error_class for each in summary.failures} == {"quota_exhausted"}
    assert {row["symbol"] for row in here.rows(silver.BARS)} == {"AAPL", "IBM"}
    asked = simulator.service.stats()["calls"]
    assert isinstance(asked, int)
    assert summary.not_requested == 3 * 4 - asked
    assert asked == 3


def test_a_provider_that_refuses_the_key_gets_no_further_requests(
    here: Installation, simulator: Simulator
) -> None:
    simulator.service.set_faults(())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "flows.simulator.alphavantage.simulator.AlphaVantageSimulator._refusal",
            lambda *_: {"Error Message": "the parameter apikey is invalid or missing."},
        )
        summary = run_latest(here)
    assert summary.has_failures
    assert [each.error_class for each in summary.failures] == ["bad_credentials"]
    assert summary.not_requested == 2
    assert here.rows(bronze.RAW_PAYLOADS) == []


def with_yahoo(here: Installation, simulator: Simulator) -> None:
    """Adds Yahoo's daily bars to the installation; they need no key."""
    with Path(here.config).open("a") as settings:
        base_url = f"{simulator.base}/yahoo/v8/finance/chart"
        settings.write(f'[providers.yahoo]\nbase_url = "{base_url}"\ndatasets = ["daily"]\n')


@pytest.mark.parametrize("key", [None, ""])
def test_a_run_without_any_key_has_nothing_to_do_says_why_and_creates_no_lake(
    here: Installation, simulator: Simulator, environment: pytest.MonkeyPatch, key: str | None
) -> None:
    environment.delenv("ALPHAVANTAGE_API_KEY")
    if key is not None:
        environment.setenv("ALPHAVANTAGE_API_KEY", key)
    summary = run_latest(here)
    reason = str(summary.nothing_to_do)
    assert reason.startswith("alphavantage was skipped: ALPHAVANTAGE_API_KEY is not set")
    assert "set providers.alphavantage.datasets = []" in reason
    assert summary.stages == ()
    assert not Path(here.lake.root).exists()
    assert simulator.service.stats()["calls"] == 0


def test_a_run_limited_to_providers_without_keys_has_nothing_to_do(
    here: Installation, simulator: Simulator, environment: pytest.MonkeyPatch
) -> None:
    environment.delenv("ALPHAVANTAGE_API_KEY")
    with_yahoo(here, simulator)
    assert run_latest(here, providers=("alphavantage", "massive")).nothing_to_do
    assert not Path(here.lake.root).exists()


def test_a_provider_without_its_key_is_skipped_and_named_and_the_others_are_fetched(
    here: Installation,
    simulator: Simulator,
    environment: pytest.MonkeyPatch,
) -> None:
    environment.delenv("ALPHAVANTAGE_API_KEY")
    with_yahoo(here, simulator)
    summary = run_latest(here)
    assert summary.failures_text.startswith("alphavantage was skipped: ALPHAVANTAGE_API_KEY is not set")
    assert [each.provider for each in summary.skipped_providers] == ["alphavantage"]
    assert (summary.failures, summary.not_requested, summary.has_failures) == ((), 0, True)

    assert stages(summary)["yahoo/daily"] == "done"
    assert {row["provider"] for row in here.rows(silver.BARS)} == {"yahoo"}
    assert symbols(here, gold.DAILY_KPIS) == {"AAPL"}
    assert simulator.service.stats()["calls"] == 0

    (noted,) = here.rows(RUNS, "subject = 'alphavantage'")
    assert noted["status"] == "done_with_failures"
    assert noted["detail"].startswith("not requested: ALPHAVANTAGE_API_KEY is not set")

    told = StringIO()
    print_summary(Console(file=told), summary)
    assert "  alphavantage was skipped: ALPHAVANTAGE_API_KEY is not set" in told.getvalue()
