"""`lakehouse plan` shows what a run would do, and does none of it."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from config.secrets import Secrets
from config.settings import MassiveSettings, Providers, Settings
from delta_tables.storage.lake import Lake
from flows.handlers.rate_limit.limiter import RateLimiter
from flows.ingestion.quota_plan import DatasetPlan, ProviderPlan, plan
from flows.ingestion.registry import SOURCES
from flows.ingestion.request_selection import latest_requests, range_requests
from flows.simulator.server import Simulator
from jobs.runs.errors import PlanError
from jobs.runs.run_context import RunContext
from tests.builders.command_line import Cli
from tests.builders.installation import API_KEY, Installation
from tests.builders.lakes import land_rows
from tests.builders.payloads import DAYS, T0, at, bar, daily

STOCKS = tuple(f"S{number:02}" for number in range(20))
NOBODY = "http://127.0.0.1:9/query"  # where nobody listens: a call would fail


def workspace(lake: Lake, tmp_path: Path, plan_name: str = "free", key: str | None = API_KEY) -> RunContext:
    settings = Settings.model_validate(
        {
            "watch_list": {"stocks": STOCKS, "fx": ["EURUSD"]},
            "providers": {"alphavantage": {"plan": plan_name, "base_url": NOBODY}},
            "state_dir": tmp_path / "state",
        }
    )
    known = Secrets(_env_file=None, alphavantage_api_key=SecretStr(key) if key else None)
    return RunContext(settings, known, lake, lambda: T0, "plan")


def spend(ctx: RunContext, calls: int) -> None:
    limits = SOURCES["alphavantage"].manifest.plans["free"][1:]
    limiter = RateLimiter.for_key(ctx.settings.state_dir / "rate_limits", "alphavantage", API_KEY, limits)
    for _ in range(calls):
        limiter.acquire("alphavantage")
    limiter.close()


def latest(ctx: RunContext, *datasets: str, symbols: tuple[str, ...] = ()) -> ProviderPlan:
    (found,) = plan(ctx, latest_requests(ctx.settings, datasets, symbols, "alphavantage"))
    return found


def test_queries_beyond_the_quota_are_deferred_until_calls_are_possible_again(
    lake: Lake, tmp_path: Path
) -> None:
    found = latest(workspace(lake, tmp_path))
    shares = [(each.dataset, each.queries, each.calls) for each in found.datasets]
    assert shares == [("daily", 20, 20), ("overview", 20, 5), ("fx_daily", 1, 0)]
    assert found.seconds == pytest.approx(24 * 1.1, abs=0.1)
    assert [each.symbol for each in found.waiting] == [*STOCKS[5:], "EURUSD"]
    ahead = found.waiting[0].until - found.left[0].next_at
    assert ahead.total_seconds() == pytest.approx(86_400, abs=1)


def test_planning_uses_up_nothing_however_often(lake: Lake, tmp_path: Path) -> None:
    ctx = workspace(lake, tmp_path)
    spend(ctx, 4)
    assert [latest(ctx).left[1].calls for _ in range(3)] == [21, 21, 21]


def test_calls_that_other_runs_have_made_are_not_promised_again(lake: Lake, tmp_path: Path) -> None:
    ctx = workspace(lake, tmp_path)
    spend(ctx, 25)
    found = latest(ctx, "daily")
    assert (found.datasets[0].queries, found.datasets[0].calls, found.seconds) == (20, 0, 0.0)
    assert found.left[1].next_at > found.left[0].next_at + timedelta(hours=23)
    assert len(found.waiting) == 20


def test_symbols_that_were_fetched_are_deferred_first(lake: Lake, tmp_path: Path) -> None:
    land_rows(lake, [daily(symbol, {DAYS[0]: bar()}, at(-1)) for symbol in STOCKS[:18]])
    ctx = workspace(lake, tmp_path)
    spend(ctx, 21)
    found = latest(ctx, "daily")
    assert found.datasets[0].calls == 4
    assert [each.symbol for each in found.waiting] == list(STOCKS[2:18])


def test_without_a_key_the_plan_has_the_queries_and_what_is_missing(lake: Lake, tmp_path: Path) -> None:
    found = latest(workspace(lake, tmp_path, key=None), "daily")
    assert "ALPHAVANTAGE_API_KEY is not set" in str(found.problem)
    assert (found.datasets[0].queries, found.datasets[0].calls, found.waiting) == (20, 0, ())


def test_without_limits_nothing_is_deferred(lake: Lake, tmp_path: Path) -> None:
    found = latest(workspace(lake, tmp_path, "unmetered"))
    assert (found.left, found.seconds, found.waiting) == ((), 0.0, ())
    assert all(each.calls == each.queries for each in found.datasets)


def test_limits_that_a_run_waits_out_cost_time_and_defer_nothing(lake: Lake, tmp_path: Path) -> None:
    symbols = tuple(f"X{number:03}" for number in range(160))
    found = latest(workspace(lake, tmp_path, "premium"), "daily", symbols=symbols)
    assert found.waiting == ()
    assert found.seconds == pytest.approx(2 * 66, abs=0.1)


def test_a_range_leaves_out_what_has_landed(lake: Lake, tmp_path: Path) -> None:
    request = "/query?outputsize=full&symbol=S00"
    land_rows(lake, [daily("S00", {DAYS[0]: bar()}, at(1), request=request)])
    ctx = workspace(lake, tmp_path, "premium")
    requests = range_requests(
        ctx.settings, date(2010, 8, 2), date(2010, 8, 13), ["daily"], None, "alphavantage"
    )
    (found,) = plan(ctx, requests)
    assert found.datasets[0].queries == 19


def test_a_provider_with_nothing_to_request_has_no_plan(lake: Lake, tmp_path: Path) -> None:
    ctx = workspace(lake, tmp_path)
    assert plan(ctx, ()) == []
    requests = latest_requests(ctx.settings, ("crypto_daily",), (), "alphavantage")
    assert plan(ctx, requests) == []


def test_flat_files_are_counted_and_never_deferred(lake: Lake, tmp_path: Path) -> None:
    ctx = workspace(lake, tmp_path)
    settings = ctx.settings.model_copy(
        update={"providers": Providers(massive=MassiveSettings(datasets=("trades_v1",), latest_days=3))}
    )
    (found,) = plan(replace(ctx, settings=settings), latest_requests(settings, (), (), "massive"))
    # T0 is a Friday evening: the day's own file is looked for too.
    assert (found.provider, found.datasets) == ("massive", (DatasetPlan("trades_v1", 4, 4),))
    requests = range_requests(settings, date(2010, 8, 2), date(2010, 8, 13), ["trades_v1"], None, "massive")
    assert plan(ctx, requests)[0].datasets == (DatasetPlan("trades_v1", 10, 10),)


def test_an_unknown_dataset_is_refused_with_the_known_ones(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"no provider in use has 'moon'; there is .*daily"):
        latest_requests(workspace(lake, tmp_path).settings, ("moon",), (), None)


def test_the_command_requests_nothing_and_creates_no_lake(
    here: Installation, cli: Cli, simulator: Simulator
) -> None:
    ended = cli("--config", here.config, "plan")
    assert ended.code == 0, ended.error
    assert "alphavantage" in ended.out
    assert "no limits" in ended.out
    assert simulator.service.stats()["calls"] == 0
    assert not Path(here.lake.root).exists()


def test_the_command_prints_json_and_accepts_a_range(here: Installation, cli: Cli) -> None:
    ended = cli("--config", here.config, "--json", "plan", "--from", "2010-08-02", "--to", "2010-08-13")
    found: list[dict[str, Any]] = json.loads(ended.out)
    assert {each["provider"] for each in found} == {"alphavantage"}
    assert {"dataset": "daily", "queries": 1, "calls": 1} in found[0]["datasets"]


def test_instants_in_json_have_their_zone(
    here: Installation, cli: Cli, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("LAKEHOUSE_PROVIDERS__ALPHAVANTAGE__PLAN", "free")
    (found,) = json.loads(cli("--config", here.config, "--json", "plan").out)
    assert [each["calls"] for each in found["left"]] == [1, 25]
    assert datetime.fromisoformat(found["left"][0]["next_at"]).tzinfo is not None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--dataset", "moon"), "no provider in use has 'moon'"),
        (("--provider", "moon"), "no provider 'moon'"),
        (("--from", "2010-08-13", "--to", "2010-08-02"), "the range is empty"),
        (("--from", "2010-08-13"), "a range has two ends"),
    ],
)
def test_what_cannot_be_planned_is_refused(
    arguments: tuple[str, ...], said: str, here: Installation, cli: Cli
) -> None:
    ended = cli("--config", here.config, "plan", *arguments)
    assert ended.code == 2
    assert said in ended.error
