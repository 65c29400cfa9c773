"""What Prefect's server does by itself: it delivers notifications and ends abandoned runs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import PrefectClient
from prefect.events import emit_event
from prefect.states import Completed, Pending, Running
from pydantic import SecretStr

from config.secrets import Secrets
from flows.deployment.automations import set_automations, zombie_automations
from flows.deployment.deploy import prepare
from flows.runtime.run_report import publish_artifacts
from jobs.runs.run_log import SILVER
from jobs.runs.stage import StageResult
from tests.builders.installation import ROOT, Installation, run_python
from tests.system.flows.prefect_server import PrefectServer, in_patience, with_client

SILENCE = timedelta(seconds=30)  # long enough for the heartbeats of a living run on a machine that is busy
HEARTBEAT = "prefect.flow-run.heartbeat"
Message = dict[str, str]


class ProviderIsDown(Exception):
    """Why the run below fails."""


@flow(name="failing")
def failing() -> None:
    """A run that fails with two lines, quotes and braces."""
    raise ProviderIsDown('the provider said "no"\n{{ and nothing }} else')


@flow(name="refused")
def refused() -> None:
    """A run in which a gate refuses a batch; its artifacts are published as for every run."""
    detail = "wanted a batch of silver.bars that passes its checks, found 3 that fail"
    publish_artifacts([StageResult(SILVER, "silver.bars", "blocked", detail=detail)])


@flow(name="idle")
def idle() -> None:
    """The flow of the planted runs; it is never called."""


@contextmanager
def webhook() -> Iterator[tuple[str, list[Message]]]:
    """An address, and the messages that were posted to it."""
    messages: list[Message] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook?token=of-nobody", messages
        finally:
            server.shutdown()


async def nothing_automatic(client: PrefectClient) -> None:
    """Removes the project's automations and notifications from the server."""
    await prepare(client, Secrets(_env_file=None), ROOT, datetime.now(UTC))
    await set_automations(client, [])


@pytest.fixture
def told(prefect_server: PrefectServer, environment: object) -> Iterator[list[Message]]:
    """The messages sent by a server that has a webhook, set up as in the stack."""
    del prefect_server, environment

    async def set_up(client: PrefectClient, url: str) -> None:
        secrets = Secrets(_env_file=None, notify_webhook_url=SecretStr(url))
        await prepare(client, secrets, ROOT, datetime.now(UTC))

    with webhook() as (url, messages):
        with_client(lambda client: set_up(client, url))
        yield messages
        with_client(nothing_automatic)


def saying(told: list[Message], text: str) -> list[Message]:
    """The messages with this text; those of other tests may arrive late."""
    return [message for message in told if text in message["body"]]


def test_a_webhook_receives_the_name_and_the_error_of_a_failed_run(told: list[Message]) -> None:
    state = failing(return_state=True)
    run = str(state.state_details.flow_run_id)
    assert in_patience(lambda: bool(saying(told, run)))
    (message,) = saying(told, run)
    assert message["subject"] == "market-lakehouse: A run failed"
    first, *rest = message["body"].splitlines()
    assert first.startswith("failing, run ")
    assert first.endswith(": Failed")
    assert 'ProviderIsDown: the provider said "no"' in rest[0]
    assert rest[1] == "{{ and nothing }} else"
    assert rest[-1] == f"http://127.0.0.1:4200/runs/flow-run/{run}"


def test_a_webhook_receives_a_refused_batch_even_if_the_run_did_not_fail(told: list[Message]) -> None:
    refused()
    assert in_patience(lambda: bool(saying(told, "found 3 that fail")))
    assert saying(told, "found 3 that fail") == [
        {
            "subject": "market-lakehouse: A gate refused a batch",
            "body": "market-lakehouse.table.silver.bars: wanted a batch of silver.bars that passes its "
            "checks, found 3 that fail\nThe table is as it was before.",
        }
    ]


@contextmanager
def heartbeats_of(flow_run_id: UUID) -> Iterator[None]:
    """Sends the heartbeats of a living run, often, until the block ends."""
    ended = Event()

    def beat() -> None:
        while not ended.wait(2):
            heartbeat(flow_run_id)

    sender = Thread(target=beat)
    sender.start()
    try:
        yield
    finally:
        ended.set()
        sender.join()


def heartbeat(flow_run_id: UUID) -> None:
    """One heartbeat, as a run sends it."""
    emit_event(HEARTBEAT, {"prefect.resource.id": f"prefect.flow-run.{flow_run_id}"})


@pytest.fixture
def impatient(prefect_server: PrefectServer, environment: object) -> Iterator[None]:
    """The server with the automations that end zombies, after a short time."""
    del prefect_server, environment
    with_client(lambda client: set_automations(client, zombie_automations(SILENCE, SILENCE)))
    yield
    with_client(nothing_automatic)


@pytest.fixture
def killed(impatient: None, here: Installation, prefect_server: PrefectServer) -> UUID:
    """A run whose process was killed after its first heartbeat."""
    del impatient
    script = (
        "import time; from prefect import flow; from prefect.runtime import flow_run\n"
        "def work(): print(flow_run.id, flush=True); time.sleep(600)\n"
        "flow(work, name='killed')()"
    )
    process = run_python(["-c", script], here, {"PREFECT_API_URL": prefect_server.api_url})
    try:
        assert process.stdout is not None
        flow_run_id = UUID(process.stdout.readline().strip())
        assert prefect_server.has_event_of(flow_run_id, "prefect.flow-run.Running")
        assert prefect_server.has_event_of(flow_run_id, HEARTBEAT)
    finally:
        process.kill()
        process.communicate()
    return flow_run_id


def states(runs: dict[str, UUID]) -> dict[str, tuple[str, str]]:
    """The name and the message of each run's state."""

    async def read(client: PrefectClient) -> dict[str, tuple[str, str]]:
        found: dict[str, Any] = {name: (await client.read_flow_run(run)).state for name, run in runs.items()}
        return {name: (state.name, state.message or "") for name, state in found.items()}

    return with_client(read)


def planted(state: Any) -> UUID:
    """A run of no process in this state."""

    async def plant(client: PrefectClient) -> UUID:
        run = await client.create_flow_run(idle)
        await client.set_flow_run_state(run.id, state, force=True)
        return run.id

    return with_client(plant)


def test_killed_runs_and_runs_that_never_began_are_ended_and_no_others(
    killed: UUID, prefect_server: PrefectServer
) -> None:
    runs = {
        "killed": killed,
        "never begun": planted(Pending()),
        "living": planted(Running()),
        "done": planted(Running()),
    }
    heartbeat(runs["done"])
    assert prefect_server.has_event_of(runs["done"], HEARTBEAT)  # so that its end comes after its heartbeat
    with_client(lambda client: client.set_flow_run_state(runs["done"], Completed(), force=True))

    def are_ended() -> bool:
        found = states(runs)
        return all(found[name][0] == "Crashed" for name in ("killed", "never begun"))

    with heartbeats_of(runs["living"]):
        in_patience(are_ended)
        found = states(runs)
    assert {name: state for name, (state, _) in found.items()} == {
        "killed": "Crashed",
        "never begun": "Crashed",
        "living": "Running",
        "done": "Completed",
    }
    assert found["killed"][1].endswith("its process is gone.")
    assert found["never begun"][1].endswith("its worker is gone.")
