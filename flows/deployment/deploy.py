"""`python -m flows.deployment.deploy`: brings a Prefect server to what the project declares.

It sets the work pool, the automations and the deployments of prefect.yaml, and ends runs that dead workers
left behind. It is safe to run repeatedly. `--profile demo` keeps only the deployments without a schedule
and deletes the others.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, get_current_settings
from prefect.workers.process import ProcessWorker

from config.load import ConfigError
from config.secrets import Secrets, load_secrets
from flows.deployment.automations import set_automations, zombie_automations
from flows.deployment.notifications import notification_automations, save_blocks, wanted_blocks
from flows.deployment.zombie_runs import POOL, sweep

FILE: Final = Path("prefect.yaml")
TAG: Final = "market-lakehouse"  # every deployment of ours has it
RUNS_AT_ONCE: Final = 3  # in the work pool, all its workers together; each may take a gigabyte


async def prepare(client: PrefectClient, secrets: Secrets, folder: Path, now: datetime) -> list[str]:
    """Sets the work pool, whose runs work in `folder`, and the automations, and ends runs of dead workers.

    Returns what was done, for a person.

    Raises:
        ConfigError: an invalid address for notifications.
    """
    blocks = wanted_blocks(secrets)
    await set_pool(client, folder)
    ended = await sweep(client, now)
    saved = await save_blocks(client, blocks)
    await set_automations(client, [*zombie_automations(), *notification_automations(saved)])
    channels = ", ".join(name.removeprefix("lakehouse-") for name in saved) or "none"
    return [
        f"work pool {POOL}: {RUNS_AT_ONCE} runs at once, in {folder}",
        f"runs of dead workers ended: {len(ended)}",
        *(f"  {run}: {reason}" for run, reason in ended.items()),
        f"notified of failed runs and refused batches: {channels}",
    ]


async def set_pool(client: PrefectClient, folder: Path) -> None:
    """Sets the work pool as declared; a paused one stays paused."""
    declared: dict[str, Any] = {
        "description": "Processes of this installation's workers.",
        "concurrency_limit": RUNS_AT_ONCE,
        "base_job_template": job_template(folder),
    }
    try:
        await client.read_work_pool(POOL)
        await client.update_work_pool(POOL, WorkPoolUpdate(**declared))
    except ObjectNotFound:
        await client.create_work_pool(WorkPoolCreate(name=POOL, type=ProcessWorker.type, **declared))


def job_template(folder: Path) -> dict[str, Any]:
    """How a worker starts a run: by Prefect's engine itself, in the folder where the settings are."""
    template: dict[str, Any] = ProcessWorker.get_default_base_job_template()
    variables = template["variables"]["properties"]
    variables["working_dir"]["default"] = str(folder)
    # without a command Prefect first looks for the code in a process of its own: seconds per run
    variables["command"]["default"] = "python -m prefect.engine"
    return template


def declared_deployments(file: Path) -> list[dict[str, Any]]:
    """The deployments of the file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{file}: cannot be read ({error}); run this where prefect.yaml is") from None
    return list(content["deployments"])


async def deploy(client: PrefectClient, wanted: Sequence[Mapping[str, Any]]) -> list[DeploymentResponse]:
    """Creates or updates these deployments; paused ones stay paused.

    Raises:
        ConfigError: `prefect deploy` refused one of them; the message holds its output.
    """
    before = await _ours(client)
    _prefect_deploy(wanted)
    for each in before:
        if each.paused:
            await client.pause_deployment(each.id)
    return await _ours(client)


async def drop_undeclared(
    client: PrefectClient, wanted: Sequence[Mapping[str, Any]], stored: Sequence[DeploymentResponse]
) -> list[str]:
    """Deletes our deployments that are no longer declared, and returns their names."""
    names = {(each["entrypoint"], each["name"]) for each in wanted}
    gone = [each for each in stored if (each.entrypoint, each.name) not in names]
    for each in gone:
        await client.delete_deployment(each.id)
    return [f"{each.entrypoint} {each.name}" for each in gone]


async def _ours(client: PrefectClient) -> list[DeploymentResponse]:
    tagged = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    return list(await client.read_deployments(deployment_filter=tagged, limit=200))


def _prefect_deploy(wanted: Sequence[Mapping[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / FILE.name
        file.write_text(yaml.safe_dump({"pull": [], "deployments": list(wanted)}), encoding="utf-8")
        command = [
            *(sys.executable, "-m", "prefect", "--no-prompt"),
            *("deploy", "--all", "--prefect-file", str(file)),
        ]
        server = get_current_settings().to_environment_variables(exclude_unset=True, include_secrets=True)
        done = subprocess.run(  # noqa: S603 - our own command
            command, check=False, capture_output=True, text=True, env={**os.environ, **server}
        )
    if done.returncode:
        raise ConfigError(f"prefect deploy: {(done.stdout + done.stderr).strip()[-2000:]}")


async def _main(profile: str) -> list[str]:
    declared = declared_deployments(FILE)
    wanted = [each for each in declared if profile == "live" or "schedules" not in each]
    async with get_client() as client:
        done = await prepare(client, load_secrets(), Path.cwd(), datetime.now(UTC))
        stored = await deploy(client, wanted)
        gone = await drop_undeclared(client, wanted, stored)
        done += [f"deployments: {len(wanted)}", *(f"  deleted: {name}" for name in gone)]
    return done


def unreachable(error: PrefectHTTPStatusError | httpx.TransportError) -> str:
    """Why the server refused or did not answer, in one line."""
    if not isinstance(error, PrefectHTTPStatusError):
        return f"Prefect's server does not answer ({type(error).__name__}: {error}); is it running?"
    if error.response.status_code == httpx.codes.UNAUTHORIZED:
        return "Prefect's server refuses the credentials: set PREFECT_API_AUTH_STRING to the server's own"
    return f"Prefect's server refuses: {str(error).splitlines()[0]}"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", choices=["live", "demo"], default="live")
    try:
        done = asyncio.run(_main(parser.parse_args().profile))
    except ConfigError as error:
        sys.exit(f"deploy: {error}")
    except (PrefectHTTPStatusError, httpx.TransportError) as error:
        sys.exit(f"deploy: {PREFECT_API_URL.value()}: {unreachable(error)}")
    sys.stdout.write("\n".join(done) + "\n")


if __name__ == "__main__":
    main()
