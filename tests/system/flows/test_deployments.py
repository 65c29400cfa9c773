"""prefect.yaml and `flows.deployment.deploy`: declarations are valid, and the server has them afterwards."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.flows import load_flow_from_entrypoint
from prefect.server.schemas.schedules import CronSchedule
from prefect.states import Cancelling, Pending, Running
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools import validate
from pydantic import SecretStr

from config.load import ConfigError
from config.secrets import Secrets
from flows.deployment import deploy as deploy_command
from flows.deployment.deploy import TAG, declared_deployments, deploy, drop_undeclared, prepare
from flows.deployment.notifications import GATE_REFUSED, wanted_blocks
from flows.deployment.zombie_runs import POOL, sweep
from tests.builders.installation import ROOT
from tests.system.flows.prefect_server import with_client

DECLARED = declared_deployments(ROOT / "prefect.yaml")
SCHEDULED = [(each, schedule) for each in DECLARED for schedule in each.get("schedules", [])]
NOW = datetime.now(UTC)
LATER = timedelta(hours=1)


def next_runs(schedule: dict[str, Any], since: str, count: int) -> list[datetime]:
    """The next runs of a schedule, in its own time."""
    zone = schedule["timezone"]
    start = datetime.fromisoformat(since).replace(tzinfo=ZoneInfo(zone))
    found = asyncio.run(CronSchedule(cron=schedule["cron"], timezone=zone).get_dates(count, start=start))
    return [datetime.fromtimestamp(each.timestamp(), ZoneInfo(zone)) for each in found]


def schedule_of(name: str, slug: str) -> dict[str, Any]:
    return next(s for each, s in SCHEDULED if (each["name"], s["slug"]) == (name, slug))


def test_deployments_are_named_after_their_task_and_time() -> None:
    names = [f"{load_flow_from_entrypoint(each['entrypoint']).name}/{each['name']}" for each in DECLARED]
    assert names == [
        "market-data/us-equities-every-5-min",
        "market-data/daily-after-close",
        "market-data/crypto-hourly",
        "market-data/after-20-00-ist",
        "ingest/on-demand",
        "backfill/on-demand",
        "replay/on-demand",
        "maintain/nightly",
        "demo/on-demand",
    ]
    assert all(TAG in each["tags"] and each["work_pool"]["name"] == POOL for each in DECLARED)
    assert all(each["concurrency_limit"]["limit"] == 1 for each in DECLARED)


@pytest.mark.parametrize("declared", DECLARED, ids=lambda each: f"{each['entrypoint']}-{each['name']}")
def test_parameters_fit_the_flow_and_each_is_described(declared: dict[str, Any]) -> None:
    schema = parameter_schema(load_flow_from_entrypoint(declared["entrypoint"])).model_dump_for_openapi()
    given = declared.get("parameters", {})
    required = {name: "2024-01-02" for name in schema.get("required", [])}
    validate({**required, **given}, schema, raise_on_error=True)
    assert set(given) <= set(schema["properties"])
    for name, of_parameter in schema["properties"].items():
        assert of_parameter.get("description", "").endswith("."), name


def test_five_minute_runs_cover_the_session_from_its_first_bar_to_after_its_close() -> None:
    parts = ("after-the-open", "through-the-day", "at-the-close")
    day = [
        run
        for part in parts
        for run in next_runs(schedule_of("us-equities-every-5-min", part), "2026-11-25 00:00", 100)
        if run.day == 25
    ]
    assert f"{day[0]:%H:%M}" == "09:35"
    assert f"{day[-1]:%H:%M}" == "16:20"
    assert {later - earlier for earlier, later in pairwise(day)} == {timedelta(minutes=5)}


@pytest.mark.parametrize(("since", "offsets"), [("2026-10-30", (-4, -5)), ("2027-03-12", (-5, -4))])
def test_runs_stay_at_the_exchanges_time_when_the_clocks_change(since: str, offsets: tuple[int, int]) -> None:
    friday, monday = next_runs(schedule_of("daily-after-close", "after-the-close"), f"{since} 00:00", 2)
    assert (f"{friday:%a %H:%M}", f"{monday:%a %H:%M}") == ("Fri 17:30", "Mon 17:30")
    assert tuple(run.utcoffset() for run in (friday, monday)) == tuple(timedelta(hours=h) for h in offsets)


def test_the_bombay_file_is_fetched_on_special_sundays_too() -> None:
    runs = next_runs(schedule_of("after-20-00-ist", "evening"), "2026-11-07 21:00", 1)
    assert f"{runs[0]:%a %Y-%m-%d %H:%M %z}" == "Sun 2026-11-08 20:15 +0530"


@pytest.fixture(scope="module")
def deployed(prefect_server: object) -> None:
    """The server as the project declares it."""
    del prefect_server

    async def everything(client: PrefectClient) -> None:
        await prepare(client, Secrets(_env_file=None), ROOT, NOW)
        await deploy(client, DECLARED)

    with_client(everything)


async def state_of_server(client: PrefectClient) -> dict[str, Any]:
    """Everything that deploying creates on the server, without timestamps."""
    noise = {"updated", "created", "version", "version_id", "last_polled", "status"}
    pool = await client.read_work_pool(POOL)
    return {
        "pool": pool.model_dump(mode="json", exclude=noise),
        "automations": sorted(
            (each.model_dump_json() for each in await client.read_automations()),
        ),
        "deployments": sorted(
            (
                str(each.id),
                sorted((s.slug or "", str(s.id), s.active) for s in each.schedules),
                each.model_dump(
                    mode="json", include={"parameters", "paused", "tags", "pull_steps", "entrypoint"}
                ),
            )
            for each in await client.read_deployments(limit=200)
        ),
    }


@pytest.mark.usefixtures("deployed")
def test_deploying_twice_changes_nothing_and_leaves_paused_schedules_paused() -> None:
    async def twice(client: PrefectClient) -> None:
        crypto = await client.read_deployment_by_name("market-data/crypto-hourly")
        await client.pause_deployment(crypto.id)
        before = await state_of_server(client)
        await prepare(client, Secrets(_env_file=None), ROOT, NOW)
        stored = await deploy(client, DECLARED)
        assert await state_of_server(client) == before
        assert len(stored) == len(DECLARED)
        assert (await client.read_deployment(crypto.id)).paused
        assert all(each.pull_steps == [] for each in stored)

        kept = [each for each in DECLARED if each["name"] != "crypto-hourly"]
        assert await drop_undeclared(client, kept, stored) == ["flows.market_data.market_data crypto-hourly"]
        with pytest.raises(ObjectNotFound):
            await client.read_deployment(crypto.id)

    with_client(twice)


@pytest.mark.usefixtures("deployed")
def test_the_demo_profile_removes_scheduled_deployments_and_live_restores_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def deployed_as(profile: str) -> dict[str, int]:
        monkeypatch.setattr(sys, "argv", ["deploy", "--profile", profile])
        deploy_command.main()
        found = with_client(lambda client: client.read_deployments(limit=200))
        return {f"{each.entrypoint} {each.name}": len(each.schedules) for each in found}

    monkeypatch.chdir(ROOT)
    names = {f"{each['entrypoint']} {each['name']}": len(each.get("schedules", ())) for each in DECLARED}
    assert deployed_as("live") == names
    capsys.readouterr()
    assert deployed_as("demo") == {name: 0 for name, schedules in names.items() if not schedules}
    said = capsys.readouterr().out.splitlines()
    assert {line.removeprefix("  deleted: ") for line in said if "deleted" in line} == {
        name for name, schedules in names.items() if schedules
    }
    assert deployed_as("live") == names


@pytest.mark.usefixtures("deployed")
def test_the_server_makes_runs_of_every_schedule() -> None:
    async def play(client: PrefectClient) -> dict[str, int]:
        runs = {}
        for each in await client.read_deployments(limit=200):
            if each.schedules:
                place = {"id": each.id}
                await client.request("POST", "/deployments/{id}/schedule", path_params=place, json={})
                wanted = DeploymentFilter(id=DeploymentFilterId(any_=[each.id]))
                runs[each.name] = len(await client.read_flow_runs(deployment_filter=wanted))
        return runs

    runs = with_client(play)
    assert set(runs) == {each["name"] for each in DECLARED if "schedules" in each}
    assert all(runs.values()), runs


async def planted(client: PrefectClient, state: Any, worker: str | None) -> FlowRun:
    """A run in this state, taken by the worker of this name."""
    deployment = await client.read_deployment_by_name("backfill/on-demand")
    run = await client.create_flow_run_from_deployment(
        deployment.id, parameters={"start": "2024-01-02", "end": "2024-01-03"}
    )
    if worker:
        await client.update_flow_run_labels(run.id, {"prefect.worker.name": worker})
    await client.update_flow_run(run.id, infrastructure_pid="1")  # without it the run counts as never begun
    await client.set_flow_run_state(run.id, Running(), force=True)
    await client.set_flow_run_state(run.id, state, force=True)
    return run


@pytest.mark.usefixtures("deployed")
def test_the_sweep_ends_the_runs_of_dead_workers_and_no_others() -> None:
    async def play(client: PrefectClient) -> tuple[dict[str, FlowRun], dict[UUID, str]]:
        await client.send_worker_heartbeat(POOL, "alive", heartbeat_interval_seconds=30)
        runs = {
            "of a living worker": await planted(client, Running(), "alive"),
            "of a lost worker": await planted(client, Running(), "lost"),
            "never begun": await planted(client, Pending(), "lost"),
            "just taken": await planted(client, Pending(), None),
            "to be cancelled": await planted(client, Cancelling(), "lost"),
        }
        ended = await sweep(client, datetime.now(UTC))
        return {name: await client.read_flow_run(run.id) for name, run in runs.items()}, ended

    runs, ended = with_client(play)
    assert {name: run.state_name for name, run in runs.items()} == {
        "of a living worker": "Running",
        "of a lost worker": "Crashed",
        "never begun": "Crashed",
        "just taken": "Pending",
        "to be cancelled": "Cancelled",
    }
    lost = runs["of a lost worker"]
    assert lost.state is not None
    assert lost.state.message == "Ended by the sweep: its worker lost is not there any more."
    assert ended[lost.id] == f"{lost.name} was running; its worker lost is not there any more"
    assert len(ended) == 3


@pytest.mark.usefixtures("deployed")
def test_a_restarted_worker_ends_its_own_old_runs_at_once_and_runs_of_silent_workers_later() -> None:
    async def play(client: PrefectClient) -> list[str | None]:
        soon = datetime.now(UTC) + timedelta(seconds=60)  # long enough, even on a slow machine
        await client.send_worker_heartbeat(POOL, "restarted", heartbeat_interval_seconds=30)
        run = await planted(client, Running(), "restarted")
        untaken = await planted(client, Pending(), None)
        assert run.id not in await sweep(client, soon)
        assert untaken.id in await sweep(client, soon + LATER)
        other = await planted(client, Running(), "restarted")
        assert other.id in await sweep(client, datetime.now(UTC), "restarted")
        return [(await client.read_flow_run(each.id)).state_name for each in (run, other)]

    assert with_client(play) == ["Crashed", "Crashed"]


def test_without_addresses_there_are_no_notifications_and_a_bad_address_is_not_shown() -> None:
    assert wanted_blocks(Secrets(_env_file=None)) == {}
    for name in ("notify_webhook_url", "notify_slack_url", "notify_email_url"):
        bad = Secrets(_env_file=None).model_copy(update={name: SecretStr("a-canary")})
        with pytest.raises(ConfigError, match=name.upper()) as refused:
            wanted_blocks(bad)
        assert "canary" not in str(refused.value)


@pytest.mark.usefixtures("deployed")
def test_configured_addresses_get_failed_runs_and_refused_batches_until_they_are_removed() -> None:
    secrets = Secrets(
        _env_file=None,
        notify_webhook_url=SecretStr("http://127.0.0.1:1/hook?token=canary"),
        notify_email_url=SecretStr("mailtos://user:canary@smtp.example.com?to=me@example.com"),
    )

    async def told(client: PrefectClient) -> dict[str, int]:
        found = await client.read_automations()
        return {each.name: len(each.actions) for each in found if "tell" in each.name}

    async def play(client: PrefectClient) -> tuple[dict[str, int], dict[str, int], list[str]]:
        said = await prepare(client, secrets, ROOT, NOW)
        configured = await told(client)
        await prepare(client, Secrets(_env_file=None), ROOT, NOW)
        return configured, await told(client), said

    configured, removed, said = with_client(play)
    assert configured == {"lakehouse: tell of failed runs": 2, "lakehouse: tell of refused batches": 2}
    assert removed == {}
    assert said[-1].endswith("webhook, email")
    assert "canary" not in str(said)


def test_the_notification_waits_for_the_event_that_a_refused_batch_emits() -> None:
    assert f'"{GATE_REFUSED}"' in (Path(ROOT) / "flows/runtime/run_report.py").read_text()
