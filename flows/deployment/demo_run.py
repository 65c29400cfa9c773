"""`python -m flows.deployment.demo_run`: runs the demo's deployment until one run has completed."""

import argparse
import asyncio
import sys
from itertools import chain, count
from typing import Final

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import FlowRunWaitTimeout, ObjectNotFound, PrefectHTTPStatusError
from prefect.flow_runs import wait_for_flow_run
from prefect.settings import PREFECT_API_URL

from flows.deployment.deploy import unreachable

DEMO: Final = "demo/on-demand"
_FIRST: Final = "the-first-demo"
_MINUTES: Final = 30


async def start_demo(client: PrefectClient) -> FlowRun:
    """The demo's run: one that ended as completed, or is at work or waits; else a new one is started."""
    deployment = await client.read_deployment_by_name(DEMO)
    for key in chain([_FIRST], (f"{_FIRST}-{number}" for number in count(2))):
        run = await client.create_flow_run_from_deployment(deployment.id, idempotency_key=key)
        if not _ended_badly(run):
            break
    return run


def _ended_badly(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final() and not run.state.is_completed()


async def _main(minutes: int) -> FlowRun:
    async with get_client() as client:
        run = await start_demo(client)
        return await wait_for_flow_run(run.id, timeout=minutes * 60, client=client)


def main() -> None:
    """The command; exits with 1 where the demo did not end as completed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=_MINUTES, help="how long its end is waited for")
    minutes = parser.parse_args().minutes
    try:
        run = asyncio.run(_main(minutes))
    except ObjectNotFound:
        sys.exit(f"demo: there is no deployment {DEMO}: run `python -m flows.deployment.deploy` first")
    except FlowRunWaitTimeout:
        sys.exit(f"demo: not at its end after {minutes} minutes; does a worker run?")
    except (PrefectHTTPStatusError, httpx.TransportError) as error:
        sys.exit(f"demo: {PREFECT_API_URL.value()}: {unreachable(error)}")
    message = (run.state.message if run.state else None) or ""
    said = f"the demo {run.name} ended as {run.state_name}. {message}".rstrip()
    if run.state is None or not run.state.is_completed():
        sys.exit(said)
    sys.stdout.write(f"{said}\n")


if __name__ == "__main__":
    main()
