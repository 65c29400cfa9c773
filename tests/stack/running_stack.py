"""The stack of docker-compose.yml, started for the tests beside whatever else runs on this machine."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import boto3
import requests

from delta_tables.lake import Lake

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
PROJECT = "lakehouse-test"
PORTS = {"MINIO_PORT": 39000, "PREFECT_PORT": 34200, "SPARK_JDBC_PORT": 31000}
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

    def compose(self, *arguments: str, seconds: float = 900, check: bool = True) -> str:
        """What `docker compose` prints; AssertionError with its output where it fails."""
        done = subprocess.run(
            self.command(*arguments),
            check=False,
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert not check or done.returncode == 0, f"{' '.join(arguments)}: {done.stderr[-6000:]}"
        return done.stdout

    def up(self) -> None:
        """Starts what does not run and waits until all are healthy."""
        self.compose("up", "--wait", "--wait-timeout", "1500", seconds=1600)

    def start_cluster(self) -> None:
        """A Spark master and two workers under the driver, as a person says it."""
        environ = {**environment(), "SPARK_MASTER": "spark://spark-master:7077"}
        command = self.command("--profile", "cluster", "up", "--wait", "--wait-timeout", "900")
        subprocess.run(command, cwd=self.folder, env=environ, check=True, capture_output=True, timeout=1000)

    def stop_cluster(self) -> None:
        """The driver by itself again."""
        names = ("spark-master", "spark-worker-1", "spark-worker-2")
        self.compose("--profile", "cluster", "rm", "--stop", "--force", *names)
        self.up()

    def inside(self, service: str, *command: str, check: bool = True) -> str:
        """What a command prints in a service's container."""
        return self.compose("exec", "-T", service, *command, check=check)

    def lakehouse(self, *arguments: str) -> str:
        """What the command line prints in the worker."""
        return self.inside("prefect-worker", "/app/infra/stack/with_secrets.sh", "lakehouse", *arguments)

    def containers_are_gone(self) -> bool:
        """Whether no container of the stack is left, running or not."""
        return not docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}")

    def secret(self, name: str) -> str:
        """A secret's value."""
        return (self.folder / ".secrets" / name).read_text().strip()

    def containers(self) -> list[dict[str, Any]]:
        """All containers of the stack, ended ones too, as `docker inspect` shows them."""
        ids = docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}")
        found: list[dict[str, Any]] = json.loads(docker("inspect", *ids.split()))
        return found

    def lake(self, name: str = "lake", user: str = "lake-writer") -> Lake:
        """A lake of the stack's bucket, reached from outside through the published port."""
        key = {"lake-writer": "LAKE_WRITER_SECRET", "gold-reader": "GOLD_READER_SECRET"}[user]
        options = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{PORTS['MINIO_PORT']}",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": user,
            "AWS_SECRET_ACCESS_KEY": self.secret(key),
            "conditional_put": "etag",
        }
        return Lake(f"s3a://lakehouse/{name}", options)

    def bucket(self, user: str = "lake-writer") -> Any:
        """A boto3 client of the store."""
        options = self.lake(user=user).options
        return boto3.client(
            "s3",
            endpoint_url=options["AWS_ENDPOINT_URL"],
            region_name=options["AWS_REGION"],
            aws_access_key_id=options["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=options["AWS_SECRET_ACCESS_KEY"],
        )

    def keys(self, prefix: str) -> list[str]:
        """The keys of all objects under a prefix."""
        pages = self.bucket().get_paginator("list_objects_v2").paginate(Bucket="lakehouse", Prefix=prefix)
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
    """The environment of docker and make: ports of our own."""
    return {**os.environ, **{name: str(port) for name, port in PORTS.items()}}


def docker(*arguments: str, check: bool = True) -> str:
    """What docker prints, errors too."""
    done = subprocess.run(
        ["docker", *arguments],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert not check or done.returncode == 0, f"docker {' '.join(arguments)}: {done.stdout[-4000:]}"
    return done.stdout


def why_no_docker() -> str | None:
    """Why there is no engine with compose to test on; None where there is."""
    if shutil.which("docker") is None:
        return "no docker"
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        if done.returncode:
            return f"`{' '.join(command)}`: {done.stderr.strip()[-200:]}"
    return None


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
    subprocess.run(["make", "env"], cwd=folder, capture_output=True, check=True)
    stack = Stack(folder)
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


def service_of(container: Mapping[str, Any]) -> str:
    """The service that a container is of."""
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


def sequence(found: Sequence[Any] | None) -> list[Any]:
    """A list, where Docker says null for an empty one."""
    return list(found or ())
