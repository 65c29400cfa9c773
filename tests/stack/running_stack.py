"""The stack of docker-compose.yml, started for the tests beside a stack of the user's own.

It has a project, ports, volumes and passwords of its own. The images have the names of docker-compose.yml:
what the tests have built is what a user's next `docker compose up` starts, too.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import requests

from delta_tables.storage.lake import Lake
from tests.servers.minio import Store
from tests.servers.ports import STACK_PORTS
from tests.stack.containers import containers_of, label_of, service_of

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
PROJECT = "lakehouse-test"
FILES = "docker-compose.yml:override.json"
PORTS = STACK_PORTS
IMAGES = ("market-lakehouse:0.1.0", "market-lakehouse-spark:0.1.0", "market-lakehouse-minio:2026-02-12")
CANARY = "CANARY0KEY0OF0NOBODY0"
# Spark is started often and asked little here: half of its time would go into compiling what runs once.
JAVA_OPTIONS = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m"
# The live deployments ask the simulator, should one of their hours strike during the tests.
ASKED = "http://simulator:8080/query"
OVERRIDE = {
    "services": {
        "spark": {"environment": {"SPARK_DRIVER_JAVA_OPTIONS": JAVA_OPTIONS}},
        "prefect-worker": {"environment": {"LAKEHOUSE_PROVIDERS__ALPHAVANTAGE__BASE_URL": ASKED}},
    }
}
DEMO = {"LAKEHOUSE_CONFIG": "config/demo.toml"}
# settings of the user's own, which would change what is tested
USERS_OWN = ("LAKEHOUSE_", "SPARK_", "COMPOSE_")
NOTHING: Mapping[str, str] = MappingProxyType({})
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@dataclass(frozen=True)
class Run:
    """A run of Prefect as its API gives it."""

    id: str
    state_type: str
    state_name: str
    message: str
    seconds: float


@dataclass(frozen=True)
class Stack:
    """A copy of the checkout with passwords of its own, and the containers made of it."""

    folder: Path

    def command(self, *arguments: str) -> list[str]:
        """The command line of `docker compose` with these arguments."""
        return [
            *("docker", "compose", "--project-name", PROJECT, "--profile", "demo"),
            *("-f", "docker-compose.yml", "-f", "override.json", *arguments),
        ]

    def compose(
        self, *arguments: str, seconds: float = 900, check: bool = True, settings: Mapping[str, str] = NOTHING
    ) -> str:
        """What `docker compose` prints; AssertionError with all that it said where it fails."""
        done = subprocess.run(
            self.command(*arguments),
            check=False,
            cwd=self.folder,
            env={**environment(), **settings},
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        said = (done.stdout + done.stderr)[-6000:]
        assert not check or done.returncode == 0, f"{' '.join(arguments)}: {said}"
        return done.stdout

    def make(self, *words: str) -> str:
        """What `make` prints in the stack's folder, errors too; AssertionError with it where it fails."""
        done = self.made(*words)
        assert done.returncode == 0, f"make {' '.join(words)}: {(done.stdout + done.stderr)[-6000:]}"
        return done.stdout + done.stderr

    def made(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """How `make` ended."""
        return subprocess.run(
            ["make", *words],
            check=False,
            cwd=self.folder,
            env={**environment(), "COMPOSE_PROJECT_NAME": PROJECT, "COMPOSE_FILE": FILES},
            capture_output=True,
            text=True,
            timeout=1200,
        )

    def up(self) -> None:
        """Starts what does not run and waits until all are healthy."""
        self.compose("up", "--wait", "--wait-timeout", "1500", seconds=1600)

    def start_cluster(self) -> None:
        """A Spark master and two workers under the driver, as a person says it."""
        words = ("--profile", "cluster", "up", "--wait", "--wait-timeout", "900")
        self.compose(*words, seconds=1000, settings={"SPARK_MASTER": "spark://spark-master:7077"})

    def stop_cluster(self) -> None:
        """The driver by itself again."""
        names = ("spark-master", "spark-worker-1", "spark-worker-2")
        self.compose("--profile", "cluster", "rm", "--stop", "--force", *names)
        self.up()

    def inside(self, service: str, *command: str, check: bool = True) -> str:
        """What a command prints in a service's container."""
        return self.compose("exec", "-T", service, *command, check=check)

    def secret(self, name: str) -> str:
        """A secret's value."""
        return (self.folder / ".secrets" / name).read_text().strip()

    def containers(self) -> list[dict[str, Any]]:
        """All containers of the stack, ended ones too, as `docker inspect` shows them."""
        return containers_of(PROJECT)

    def why_not_ours(self) -> str | None:
        """Why containers are there that our `down --volumes` must not remove; None where none are."""
        places = {label_of(each, "project.working_dir") for each in self.containers()}
        if others := sorted(place for place in places if Path(place).resolve() != self.folder.resolve()):
            return (
                f"wanted no containers of the project {PROJECT} but those of {self.folder}, found those of "
                f"{', '.join(others)}: wait for the end of what uses them, or remove them: "
                f"docker compose --project-name {PROJECT} --profile '*' down --volumes"
            )
        return None

    def store(self) -> Store:
        """The object store, reached from outside through the published port, as the user that may write."""
        address = f"http://127.0.0.1:{PORTS['MINIO_PORT']}"
        return Store(address, "lake-writer", self.secret("LAKE_WRITER_SECRET"))

    def root_client(self) -> Any:
        """The store by a client with the key of its root user."""
        address = self.store().endpoint
        return Store(address, "lakehouse-root", self.secret("MINIO_ROOT_PASSWORD")).client()

    def lake(self, name: str = "lake") -> Lake:
        """A lake of the stack's bucket."""
        found = self.store().lake(f"lakehouse/{name}")
        return replace(found, options={**found.options, "AWS_ALLOW_HTTP": "true", "conditional_put": "etag"})

    def keys(self, prefix: str) -> list[str]:
        """The keys of all objects under a prefix."""
        listing = self.store().client().get_paginator("list_objects_v2")
        pages = listing.paginate(Bucket="lakehouse", Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]

    def api(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer of Prefect's API; a server that is being restarted is asked again."""
        url = f"http://127.0.0.1:{PORTS['PREFECT_PORT']}/api/{path}"
        user = ("lakehouse", self.secret("PREFECT_API_PASSWORD"))

        def ask() -> Any:
            try:
                answer = requests.request(method, url, json=body, auth=user, timeout=60)
            except requests.ConnectionError:
                return None
            return None if answer.status_code in {502, 503} else answer

        answer = until(ask, "Prefect's API answers", seconds=300)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        return answer.json() if answer.content else None

    def start(self, deployment: str, parameters: Mapping[str, Any], settings: Mapping[str, str]) -> str:
        """The id of a new run of a deployment, its worker's settings changed by `settings`."""
        found = self.api("GET", f"deployments/name/{deployment}")
        body = {
            "parameters": dict(parameters),
            "job_variables": {"env": {**found["job_variables"].get("env", {}), **settings}},
            "state": {"type": "SCHEDULED"},
        }
        run: dict[str, Any] = self.api("POST", f"deployments/{found['id']}/create_flow_run", body)
        return str(run["id"])

    def run(self, run_id: str) -> Run:
        """How a run is now."""
        found = self.api("GET", f"flow_runs/{run_id}")
        state = found["state"] or {}
        return Run(
            run_id,
            found["state_type"],
            found["state_name"],
            state.get("message") or "",
            found["total_run_time"],
        )

    def ended(self, run_id: str, seconds: float = 900) -> Run:
        """A run once it has ended."""

        def look() -> Run | None:
            found = self.run(run_id)
            return found if found.state_type in ENDED else None

        return until(look, f"the run {run_id} ends", seconds, every=1.0)

    def logs_of(self, run_id: str) -> str:
        """What a run has logged to Prefect."""
        found = self.api(
            "POST", "logs/filter", {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_ASC"}
        )
        return "\n".join(each["message"] for each in found)


def until(look: Callable[[], T | None], what: str, seconds: float, every: float = 0.5) -> T:
    """What `look` gives once it gives something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(every)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


def environment() -> dict[str, str]:
    """The environment of docker and make: ports of our own, and no settings of the user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(USERS_OWN)}
    return {**kept, **{name: str(port) for name, port in PORTS.items()}}


def checked_out(folder: Path) -> Stack:
    """A copy of the checkout's files with passwords of its own, a provider's key among them."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    (folder / "override.json").write_text(json.dumps(OVERRIDE))
    stack = Stack(folder)
    stack.make("env")
    set_canary(stack)
    return stack


def set_canary(stack: Stack) -> None:
    """Gives the stack a provider's key that can be looked for."""
    (stack.folder / ".secrets" / "ALPHAVANTAGE_API_KEY").write_text(CANARY)


@contextmanager
def crash(stack: Stack, service: str) -> Iterator[Callable[[], None]]:
    """Kills every process of a container when called, as running out of memory does; it is restarted then.

    `docker kill` would count as stopped by a person, and is too slow to hit the middle of a merge.
    """
    command = stack.command("exec", "-T", service, "sh", "-c", "read -r now && kill -9 -1")
    with subprocess.Popen(command, cwd=stack.folder, env=environment(), stdin=subprocess.PIPE) as waiting:

        def fire() -> None:
            assert waiting.stdin is not None
            waiting.stdin.write(b"now\n")
            waiting.stdin.flush()

        yield fire


def restarts(stack: Stack, service: str) -> int:
    """How often the engine has restarted a service's container by itself."""
    found = [each for each in stack.containers() if service_of(each) == service]
    return int(found[0]["RestartCount"])
