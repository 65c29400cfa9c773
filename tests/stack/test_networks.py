"""Which container reaches which port: as few as can be; Spark and the databases answer who needs them."""

import itertools
import secrets as random
import subprocess
import sys
from typing import Any

import pytest

from tests.stack.containers import docker, service_of
from tests.stack.running_stack import IMAGES, PROJECT, Stack

PORTS = {
    "minio": (9000,),
    "postgres": (5432,),
    "prefect-server": (4200,),
    "spark": (15002, 10000),
    "simulator": (8080,),
}
# Who may reach whom; every container reaches itself. A network joins both ways: MinIO could call Spark, as a
# server that calls nobody, and PostgreSQL Prefect's server.
REACHES: dict[str, set[str]] = {
    "minio": {"spark"},
    "postgres": {"prefect-server"},
    "prefect-server": {"postgres"},
    "prefect-worker": {"minio", "postgres", "prefect-server", "spark", "simulator"},
    "spark": {"minio"},
    "simulator": set(),
    "demo": {"prefect-server"},
}
PROBE = "exec 3<>/dev/tcp/{host}/{port}"
PATIENCE_SECONDS = 3


def running(stack: Stack) -> dict[str, dict[str, Any]]:
    """The running containers, by service."""
    return {service_of(each): each for each in stack.containers() if each["State"]["Running"]}


def addresses(container: dict[str, Any]) -> list[str]:
    """The container's address in each of its networks."""
    found = container["NetworkSettings"]["Networks"].values()
    return [each["IPAddress"] for each in found if each["IPAddress"]]


def opens(container_id: str, host: str, port: int) -> bool:
    """Whether a process in the container can connect."""
    probe = PROBE.format(host=host, port=port)
    command = ["docker", "exec", container_id, "timeout", str(PATIENCE_SECONDS), "bash", "-c", probe]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def reachable(containers: dict[str, dict[str, Any]], source: str) -> set[tuple[str, int]]:
    """The services and ports that a container reaches, by any of their addresses."""
    return {
        (target, port)
        for target, ports in PORTS.items()
        for port, host in itertools.product(ports, addresses(containers[target]))
        if opens(containers[source]["Id"], host, port)
    }


def test_each_container_reaches_what_it_needs_and_nothing_else(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    containers = running(stack)
    found = {source: reachable(containers, source) for source in REACHES}
    columns = [(target, port) for target, ports in PORTS.items() for port in ports]
    lines = ["| from | " + " | ".join(f"{target}:{port}" for target, port in columns) + " |"]
    for source, ports in found.items():
        lines.append(
            f"| {source} | " + " | ".join("yes" if each in ports else "-" for each in columns) + " |"
        )
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *lines, ""]))
    wanted = {
        source: {(target, port) for target in {*targets, source} & set(PORTS) for port in PORTS[target]}
        for source, targets in REACHES.items()
    }
    assert found == wanted, "\n".join(lines)


def test_a_container_that_was_not_asked_for_cannot_reach_spark(stack: Stack) -> None:
    spark = running(stack)["spark"]
    probes = [
        f"(timeout 3 bash -c '{PROBE.format(host=host, port=port)}' && echo open) 2>/dev/null"
        for host in addresses(spark)
        for port in PORTS["spark"]
    ]
    script = "; ".join([*probes, "true"])
    elsewhere = ("bridge", *(f"{PROJECT}_{name}" for name in ("database", "prefect", "simulated")))
    for network in elsewhere:
        said = docker("run", "--rm", "--network", network, "--entrypoint", "bash", IMAGES[0], "-c", script)
        assert said.split() == [], network
    inside = docker(
        "run", "--rm", "--network", f"{PROJECT}_engine", "--entrypoint", "bash", IMAGES[0], "-c", script
    )
    assert "open" in inside, "the probe finds what is there"


def test_the_simulator_and_the_database_have_no_way_out(stack: Stack) -> None:
    containers = running(stack)
    gateway = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}").strip()
    for name in ("simulator", "postgres"):
        routes = docker("exec", containers[name]["Id"], "cat", "/proc/net/route")
        defaults = [line for line in routes.splitlines()[1:] if line.split()[1] == "00000000"]
        assert defaults == [], f"{name} has a way out, to {gateway} at least"


def test_every_container_has_a_limit_of_processes(stack: Stack) -> None:
    for container in stack.containers():
        assert 0 < container["HostConfig"]["PidsLimit"] <= 4096, service_of(container)


def test_no_process_of_the_worker_has_a_key_in_its_environment(
    stack: Stack,
) -> None:
    secrets = {
        name: stack.secret(name)
        for name in ("ALPHAVANTAGE_API_KEY", "LAKE_WRITER_SECRET", "LEDGER_PASSWORD", "MINIO_ROOT_PASSWORD")
        if stack.secret(name)
    }
    assert len(secrets) == 4
    # as their own user: root without SYS_PTRACE may not read them
    script = "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; true"
    for service in ("prefect-worker", "demo"):
        environ = docker("exec", running(stack)[service]["Id"], "sh", "-c", script)
        assert "PREFECT_API_AUTH_STRING" in environ, "the probe reads what is there"
        assert [name for name, value in secrets.items() if value in environ] == [], service


def test_an_object_that_was_deleted_can_be_brought_back(stack: Stack) -> None:
    store = stack.root_client()
    key = f"lake/landing/{random.token_hex(8)}"
    store.put_object(Bucket="lakehouse", Key=key, Body=b"first")
    store.delete_object(Bucket="lakehouse", Key=key)
    found = store.list_object_versions(Bucket="lakehouse", Prefix=key)
    (version,) = found["Versions"]
    assert (
        store.get_object(Bucket="lakehouse", Key=key, VersionId=version["VersionId"])["Body"].read()
        == b"first"
    )
    rules = store.get_bucket_lifecycle_configuration(Bucket="lakehouse")["Rules"]
    assert {"NoncurrentDays": 7} in [rule.get("NoncurrentVersionExpiration") for rule in rules]
