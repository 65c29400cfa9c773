"""`docker compose up --wait`: every service healthy, as few rights as can be, nothing open to others."""

import json
import socket
import subprocess
from collections.abc import Iterable
from typing import Any

import pytest
import requests
import yaml

from tests.stack.containers import docker, sequence, service_of
from tests.stack.running_stack import IMAGES, PORTS, PROJECT, ROOT, Stack, until

ONE_SHOTS = {"guard", "store-setup", "ledger-setup", "deploy"}
# PostgreSQL's own entrypoint changes the owner of its folder, then the user.
STARTS_AS_ROOT = {"postgres"}
INNER_PORTS = (9000, 4200, 5432, 15002, 10000, 8080)
PROBE = """
import json, socket, sys
for host, port in json.loads(sys.argv[1]):
    probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    probe.settimeout(1)
    print("open" if probe.connect_ex((host, port)) == 0 else "closed")
"""


def test_all_services_are_healthy_and_the_one_shots_have_ended_well(stack: Stack) -> None:
    def look() -> dict[str, Any] | None:
        """The states, once no probe is failing: on a busy machine one of them may come too late."""
        states = {service_of(each): each["State"] for each in stack.containers()}
        probed = {each["Health"]["Status"] for name, each in states.items() if name not in ONE_SHOTS}
        return states if probed == {"healthy"} else None

    found = until(look, "every service is healthy", seconds=300, every=2)
    assert set(found) >= {
        "minio",
        "postgres",
        "prefect-server",
        "prefect-worker",
        "spark",
        "demo",
        *ONE_SHOTS,
    }
    for name in ONE_SHOTS:
        assert (found[name]["Status"], found[name]["ExitCode"]) == ("exited", 0), name
    for name in set(found) - ONE_SHOTS:
        assert found[name]["Status"] == "running", name


def test_the_demo_was_run_through_the_api_and_is_completed(stack: Stack) -> None:
    wanted = {"deployments": {"name": {"any_": ["on-demand"]}}, "flows": {"name": {"any_": ["demo"]}}}
    runs = stack.api("POST", "flow_runs/filter", wanted)
    assert [each["state_type"] for each in runs] == ["COMPLETED"]


def test_every_schedule_has_runs_to_come(stack: Stack) -> None:
    declared = yaml.safe_load((stack.folder / "prefect.yaml").read_text())["deployments"]
    scheduled = {each["name"] for each in declared if "schedules" in each}

    def look() -> bool | None:
        wanted = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}, "limit": 200}
        waiting = {each["deployment_id"] for each in stack.api("POST", "flow_runs/filter", wanted)}
        names = {stack.api("GET", f"deployments/{each}")["name"] for each in waiting}
        return names >= scheduled or None

    assert until(look, f"runs of {scheduled} are scheduled", seconds=180, every=5)


def test_the_worker_s_image_is_smaller_than_1500_megabytes(stack: Stack) -> None:
    assert stack.containers()
    assert int(docker("image", "inspect", "--format", "{{.Size}}", IMAGES[0])) < 1_500_000_000


def test_containers_have_as_few_rights_as_can_be(stack: Stack) -> None:
    for container in stack.containers():
        name, host = service_of(container), container["HostConfig"]
        assert host["ReadonlyRootfs"], name
        assert sequence(host["CapDrop"]) == ["ALL"], name
        assert "no-new-privileges:true" in sequence(host["SecurityOpt"]), name
        assert host["Memory"] > 0, name
        assert not host["Privileged"], name
        user = container["Config"]["User"]
        assert (user not in {"", "root", "0"}) or name in STARTS_AS_ROOT, name
        if name not in STARTS_AS_ROOT:
            assert not sequence(host["CapAdd"]), name


def test_ports_are_open_on_loopback_only_and_answer_there(stack: Stack) -> None:
    bound: dict[str, set[str]] = {}
    for container in stack.containers():
        for bindings in (container["HostConfig"]["PortBindings"] or {}).values():
            for each in bindings:
                bound.setdefault(each["HostIp"], set()).add(each["HostPort"])
    assert bound == {"127.0.0.1": {str(port) for port in PORTS.values()}}
    for port in PORTS.values():
        socket.create_connection(("127.0.0.1", port), 5).close()


def probed(network: str, targets: Iterable[tuple[str, int]]) -> list[str]:
    """Of each address and port whether it is `open` or `closed` to a container in this network."""
    asked = json.dumps(list(targets))
    return docker("run", "--rm", "--network", network, IMAGES[0], "python", "-c", PROBE, asked).split()


def networks() -> list[str]:
    """The networks of docker-compose.yml."""
    return list(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["networks"])


def test_from_another_network_no_port_answers(stack: Stack) -> None:
    inner = [
        (address["IPAddress"], port)
        for each in stack.containers()
        for address in each["NetworkSettings"]["Networks"].values()
        if address["IPAddress"]
        for port in INNER_PORTS
    ]
    answering: set[int] = set()
    for name in networks():
        within = zip(inner, probed(f"{PROJECT}_{name}", inner), strict=True)
        answering |= {port for (_, port), state in within if state == "open"}
    assert answering == set(INNER_PORTS), "the probe finds what is there"

    network = f"{PROJECT}-elsewhere"
    docker("network", "create", network)
    try:
        gateway = json.loads(docker("network", "inspect", network))[0]["IPAM"]["Config"][0]["Gateway"]
        here = subprocess.run(["hostname", "-I"], check=True, capture_output=True, text=True).stdout.split()
        targets = [*inner, *((host, port) for host in {gateway, *here} for port in PORTS.values())]
        found = probed(network, targets)
    finally:
        docker("network", "rm", network)
    assert found == ["closed"] * len(targets), list(zip(targets, found, strict=False))


def test_the_api_wants_credentials_and_says_401(stack: Stack) -> None:
    url = f"http://127.0.0.1:{PORTS['PREFECT_PORT']}/api"
    assert requests.get(f"{url}/admin/version", timeout=30).status_code == 401
    assert requests.post(f"{url}/flow_runs/filter", json={}, timeout=30).status_code == 401
    assert requests.get(f"{url}/admin/version", auth=("lakehouse", "wrong"), timeout=30).status_code == 401
    assert stack.api("GET", "admin/version")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MINIO_ROOT_PASSWORD", "", "MINIO_ROOT_PASSWORD: is blank"),
        ("POSTGRES_PASSWORD", "changeme-changeme-1", "POSTGRES_PASSWORD: is a well-known password"),
        ("PREFECT_API_PASSWORD", "a1b2c3d4", "PREFECT_API_PASSWORD: is shorter than 16 characters"),
    ],
    ids=["blank", "well-known", "short"],
)
def test_blank_and_well_known_passwords_are_refused_at_the_start(
    stack: Stack, name: str, value: str, said: str
) -> None:
    file = stack.folder / ".secrets" / name
    kept = file.read_text()
    try:
        file.write_text(value)
        done = subprocess.run(
            ["docker", "compose", "--project-name", PROJECT, "run", "--rm", "--no-deps", "guard"],
            check=False,
            cwd=stack.folder,
            capture_output=True,
            text=True,
        )
    finally:
        file.write_text(kept)
    assert done.returncode == 1
    assert said in done.stderr + done.stdout
    assert "make env" in done.stderr + done.stdout
