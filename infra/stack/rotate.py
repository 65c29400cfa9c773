"""`make rotate NAME=POSTGRES_PASSWORD`: replaces a secret while the stack runs.

A password gets a new random value; a provider's key or a notification address is used as you have written it
into its file. The new value is set in the stores, and the containers that hold it are restarted in the order
of their dependencies. After an error halfway, repeat the command: no step needs the old value.
"""

import argparse
import secrets
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from infra.stack.compose import (
    StackError,
    compose,
    configuration,
    containers,
    exclusive_access,
    exit_code,
    exit_with_error,
    one_shots,
    print_progress,
    restart,
    running,
    stop,
)
from infra.stack.make_env import PASSWORDS, READABLE
from infra.stack.passwords import POSTGRES_PASSWORD, apply_postgres_password, require_secrets, secret_file


def rotate(name: str) -> list[str]:
    """Replaces a secret; returns the services that were restarted, which are none if the stack is stopped.

    Raises:
        StackError: there is no such secret, or a container did not start with the new value.
    """
    stack = configuration()
    file = secret_file(stack, name)
    require_secrets(stack)
    ran = running()
    if name in PASSWORDS:
        write_secret(file, secrets.token_hex(24))
        print_progress(f"{file}: a new random password")
    else:
        file.chmod(READABLE)  # an editor may have replaced it by a file that only its owner can read
    if name == POSTGRES_PASSWORD and not ran:
        apply_postgres_password(stack)
        stop()
    return [service for service in users(stack, name) if ran and _renew(stack, service, ran)]


def write_secret(file: Path, value: str) -> None:
    """Replaces the file atomically: a reader sees the old value or the new one.

    A running container keeps the old file; a restarted one gets the new file.
    """
    part = file.with_name(f".{file.name}.part")
    part.write_text(value, encoding="utf-8")
    part.chmod(READABLE)
    part.replace(file)


def users(stack: Mapping[str, Any], name: str) -> list[str]:
    """Returns the services that use this secret, each after its dependencies."""
    services: Mapping[str, Any] = stack["services"]
    order = TopologicalSorter(
        {each: services[each].get("depends_on", {}) for each in services}
    ).static_order()
    return [each for each in order if name in {used["source"] for used in services[each].get("secrets", ())}]


def _renew(stack: Mapping[str, Any], service: str, ran: Mapping[str, int]) -> bool:
    """Returns whether the service was restarted; a stopped one gets the new value when it starts."""
    if service == "postgres":  # reads the file with its password only while its volume is empty
        apply_postgres_password(stack)
        return False
    if service in one_shots(stack):
        return _run_again(service)
    if service not in ran:
        return False
    print_progress(f"restarting {service}")
    restart(service, ran[service])
    return True


def _run_again(service: str) -> bool:
    """Runs the service's existing container again with its original environment; False if there is none."""
    found = containers(service)
    if not found:
        return False
    print_progress(f"running {service}")
    compose("restart", "--no-deps", service)
    for container in found:
        if code := exit_code(container):
            raise StackError(
                f"{service} ended with exit code {code}: see `docker compose logs {service}`, then repeat it"
            )
    return True


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="name of a file in .secrets/")
    name = parser.parse_args().name
    try:
        with exclusive_access():
            restarted = rotate(name)
    except StackError as error:
        exit_with_error(error, "rotate")
    print_progress(f"{name}: {', '.join(restarted) or 'no service was'} restarted")


if __name__ == "__main__":
    main()
