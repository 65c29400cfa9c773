"""Docker Compose for the scripts in this folder, on the project in the current working directory.

They run on the host and need only Python. Compose itself decides the project's name, ports and profiles, so
COMPOSE_PROJECT_NAME, .env and so on have the same effect here as for `docker compose`.
"""

import fcntl
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, NoReturn

FILE: Final = Path("docker-compose.yml")
ALL_PROFILES: Final = ("--profile", "*")
READER, WRITER = "volume-reader", "volume-writer"
_ACTIVE_STATES: Final = {"running", "restarting", "paused"}
_ONE_OFF: Final = "com.docker.compose.oneoff=True"
_TAIL: Final = 1500


class StackError(Exception):
    """An operation on the stack failed; the message says why and what to do."""


def compose(*words: str, source: IO[bytes] | None = None) -> str:
    """Runs `docker compose` with these arguments and returns its standard output; `source` is its input.

    Raises:
        StackError: it failed; the message ends with the end of its standard error.
    """
    done = _docker(("compose", *ALL_PROFILES, *words), subprocess.PIPE, source)
    return str(done.stdout.decode())


def compose_to(target: IO[bytes], *words: str) -> str:
    """Runs `docker compose` with its output going to `target`, and returns its standard error.

    Raises:
        StackError: it failed; the message ends with the end of its standard error.
    """
    return str(_docker(("compose", *ALL_PROFILES, *words), target, None).stderr.decode())


def exit_code(container: str) -> int:
    """Waits for a container to end and returns its exit code.

    Raises:
        StackError: there is no such container.
    """
    return int(_docker(("wait", container), subprocess.PIPE, None).stdout)


def _docker(
    words: tuple[str, ...], target: IO[bytes] | int, source: IO[bytes] | None
) -> subprocess.CompletedProcess[bytes]:
    command = ["docker", *words]
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            command, check=False, stdin=source or subprocess.DEVNULL, stdout=target, stderr=subprocess.PIPE
        )
    except FileNotFoundError:
        raise StackError(
            "the command `docker` was not found: install Docker with its compose plugin"
        ) from None
    if done.returncode:
        stderr_text = done.stderr.decode(errors="replace").strip()[-_TAIL:]
        raise StackError(f"docker {' '.join(words)} ended with {done.returncode}: {stderr_text}")
    return done


def configuration() -> Mapping[str, Any]:
    """Returns the configuration as Compose resolves it: services, volumes and secrets of all profiles."""
    found: Mapping[str, Any] = json.loads(compose("config", "--format", "json"))
    return found


def running() -> dict[str, int]:
    """Returns the number of active containers by service, including those that Docker keeps restarting.

    Containers of `docker compose run` are not counted, because `start` could not start them again.
    """
    found = [each for each in _listed() if not _is_one_off(each)]
    return dict(Counter(each["Service"] for each in found if each["State"] in _ACTIVE_STATES))


def require_no_one_off() -> None:
    """Checks that no container of `docker compose run` is active, because `stop` would not stop it.

    Raises:
        StackError: names the active ones.
    """
    found = [each for each in _listed() if _is_one_off(each) and each["State"] in _ACTIVE_STATES]
    if names := ", ".join(each["Name"] for each in found):
        raise StackError(
            f"{names} of `docker compose run` is still running: end it first, or stop it with `docker stop`"
        )


def containers(service: str) -> list[str]:
    """Returns the IDs of a service's containers, also of ended ones; without those of `compose run`."""
    return [str(each["ID"]) for each in _listed(service) if not _is_one_off(each)]


def _listed(*services: str) -> list[dict[str, Any]]:
    lines = compose("ps", "--all", "--format", "json", *services).splitlines()
    return [json.loads(line) for line in lines]


def _is_one_off(container: Mapping[str, Any]) -> bool:
    return _ONE_OFF in container["Labels"].split(",")


def start(stack: Mapping[str, Any], services: Mapping[str, int]) -> None:
    """Starts the given number of containers per service, unchanged, and waits until they are healthy.

    The one-shots that they depend on run first, as at each start. Other dependencies are not started, because
    they did not run before: Spark, for example, beside workers with the embedded engine.

    Raises:
        StackError: one of them did not start.
    """
    if not services:
        return
    print_progress(f"starting {', '.join(services)}")
    others = needed_by(stack, services) - set(services) - one_shots(stack)
    scale = [f"{name}={count}" for name, count in {**services, **dict.fromkeys(others, 0)}.items()]
    _up(*(word for each in scale for word in ("--scale", each)), *services)


def restart(service: str, count: int) -> None:
    """Restarts only the containers of this service and waits until they are healthy.

    Raises:
        StackError: one of them did not start.
    """
    compose("restart", "--no-deps", service)
    _up("--no-deps", "--scale", f"{service}={count}", service)


def _up(*words: str) -> None:
    compose("up", "--detach", "--wait", "--no-recreate", *words)


def needed_by(stack: Mapping[str, Any], services: Iterable[str]) -> set[str]:
    """Returns these services and all services that they depend on, directly or indirectly."""
    found: set[str] = set()
    waiting = list(services)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += stack["services"][name].get("depends_on", {})
    return found


def one_shots(stack: Mapping[str, Any]) -> set[str]:
    """Returns the services whose completion others wait for."""
    return {
        needed
        for service in stack["services"].values()
        for needed, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }


def stop() -> None:
    """Stops all services, dependent ones first."""
    print_progress("stopping the stack")
    compose("stop")


@contextmanager
def exclusive_access() -> Iterator[None]:
    """Keeps other scripts of this folder out while it is open; a stop signal ends the work cleanly.

    Raises:
        StackError: another script is running, or this is not the folder of the stack.
    """
    if not FILE.is_file():
        raise StackError(f"there is no {FILE} in {Path.cwd()}: run this in the project's folder")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    with FILE.open("rb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError("another backup, restore or rotation is running: wait until it ends") from None
        yield


def reason_of(error: BaseException) -> str:
    """Returns the reason as text, also for a stop signal, whose exception has none."""
    return str(error) if isinstance(error, Exception) else "it was stopped"


@contextmanager
def with_state(state: str) -> Iterator[None]:
    """Puts `state`, which describes the situation, in front of the error if the block fails or is stopped.

    Raises:
        StackError: with both texts.
    """
    try:
        yield
    except (StackError, OSError, KeyboardInterrupt, SystemExit) as error:
        raise StackError(f"{state} {reason_of(error)}") from None


def print_progress(what: str) -> None:
    """Prints a line of progress."""
    sys.stdout.write(what + "\n")
    sys.stdout.flush()


def exit_with_error(error: StackError, name: str) -> NoReturn:
    """Ends the process with the error as one paragraph."""
    sys.exit(f"{name}: {error}")
