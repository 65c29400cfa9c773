"""`flows.deployment.demo_run` starts the demo until it has succeeded once."""

from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending, Running

from flows.deployment.demo_run import start_demo
from flows.deployment.deploy import declared_deployments, deploy, set_pool
from tests.builders.installation import ROOT
from tests.system.flows.prefect_server import with_client


@pytest.fixture(scope="module")
def deployed(prefect_server: object) -> None:
    """The server with the demo's deployment."""
    del prefect_server
    wanted = [each for each in declared_deployments(ROOT / "prefect.yaml") if "demo" in each["entrypoint"]]

    async def demo(client: PrefectClient) -> None:
        await set_pool(client, ROOT)
        await deploy(client, wanted)

    with_client(demo)


@pytest.mark.usefixtures("deployed")
def test_the_demo_is_started_once() -> None:
    async def play(client: PrefectClient) -> set[UUID]:
        first = await start_demo(client)
        found = {first.id}
        states: list[State[Any]] = [
            Pending(),
            Running(),
            Completed(),
            Completed(name="CompletedWithFailures"),
        ]
        for state in states:
            await client.set_flow_run_state(first.id, state, force=True)
            found.add((await start_demo(client)).id)
        return found

    assert len(with_client(play)) == 1


@pytest.mark.usefixtures("deployed")
def test_a_demo_that_did_not_succeed_is_started_again() -> None:
    async def play(client: PrefectClient) -> list[UUID]:
        runs = [await start_demo(client)]
        states: list[State[Any]] = [Failed(), Crashed(), Cancelled()]
        for state in states:
            await client.set_flow_run_state(runs[-1].id, state, force=True)
            runs.append(await start_demo(client))
            waited_for = await start_demo(client)
            assert waited_for.id == runs[-1].id
        return [each.id for each in runs]

    assert len(set(with_client(play))) == 4
