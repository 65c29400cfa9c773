"""Docker as the tests of the stack ask it."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

_OF_PROJECT = "label=com.docker.compose.project="


def docker(*arguments: str) -> str:
    """What docker prints; AssertionError with its errors where it fails."""
    done = subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {(done.stdout + done.stderr)[-4000:]}"
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


def containers_of(project: str) -> list[dict[str, Any]]:
    """All containers of a project of compose, ended ones too, as `docker inspect` shows them."""
    ids = docker("ps", "--all", "--quiet", "--filter", f"{_OF_PROJECT}{project}").split()
    found: list[dict[str, Any]] = json.loads(docker("inspect", *ids)) if ids else []
    return found


def label_of(container: Mapping[str, Any], name: str) -> str:
    """What compose has noted of a container."""
    return str(container["Config"]["Labels"][f"com.docker.compose.{name}"])


def service_of(container: Mapping[str, Any]) -> str:
    """The service that a container is of."""
    return label_of(container, "service")


def sequence(found: Sequence[Any] | None) -> list[Any]:
    """A list, where Docker says null for an empty one."""
    return list(found or ())
