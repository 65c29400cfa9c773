"""Commands run as flows on a Prefect server where one is configured, and only there."""

import json
import socket
from collections.abc import Iterator

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from tests.builders.command_line import Ended
from tests.builders.installation import Installation, run_python
from tests.builders.lakes import hashes
from tests.system.flows.prefect_server import PrefectServer, with_client

pytestmark = pytest.mark.usefixtures("environment")


def run_command(here: Installation, *words: str, **environ: str) -> Ended:
    """Runs the command line in a process of its own; its Prefect has no settings but those in `environ`."""
    home = {"PREFECT_HOME": str(here.folder / "prefect-home")}
    command = ["-m", "flows.cli.entry_point", "--config", here.config, *words]
    process = run_python(command, here, {**home, **environ})
    out, error = process.communicate(timeout=300)
    return Ended(process.returncode, out, error)


def newest_run(flow: str) -> FlowRun:
    """The flow's run that was made last."""

    async def find(client: PrefectClient) -> FlowRun:
        wanted = FlowFilter(name=FlowFilterName(any_=[flow]))
        runs = await client.read_flow_runs(flow_filter=wanted, sort=FlowRunSort.START_TIME_DESC, limit=1)
        return runs[0]

    return with_client(find)


def test_with_a_server_build_is_a_flow_run_there_with_its_artifacts(
    full: Installation, prefect_server: PrefectServer
) -> None:
    ended = run_command(full, "--json", "build", PREFECT_API_URL=prefect_server.api_url)
    assert (ended.code, ended.error) == (0, "")
    assert json.loads(ended.out)["stages"]
    run = newest_run("build")
    assert run.state_name == "Completed"
    assert "silver.bars" in prefect_server.artifacts(run.id)["run-summary"]["data"]


def test_the_option_without_a_server_is_one_line(full: Installation) -> None:
    before = hashes(full.lake)
    ended = run_command(full, "build", "--prefect")
    assert (ended.code, ended.out) == (2, "")
    assert "--prefect needs a Prefect server, and none is configured" in ended.line
    assert hashes(full.lake) == before


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port on which nothing listens; it stays bound, so that no other process can listen on it."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield int(unused.getsockname()[1])


def test_a_prefect_server_that_does_not_answer_is_named(full: Installation, unused_port: int) -> None:
    before = hashes(full.lake)
    ended = run_command(full, "build", PREFECT_API_URL=f"http://127.0.0.1:{unused_port}/api")
    assert (ended.code, ended.out) == (2, "")
    assert "Prefect's server does not answer: start it, or unset PREFECT_API_URL" in ended.line
    assert hashes(full.lake) == before
