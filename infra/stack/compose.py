"""Docker Compose as the scripts of this folder use it: the project of the folder that they are started in.

They run on the host, with nothing but Python. The project's name, its ports and profiles are Compose's own
business: COMPOSE_PROJECT_NAME, .env and so on hold here as they hold for `docker compose`.
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
_AT_WORK: Final = {"running", "restarting", "paused"}
_ONE_OFF: Final = "com.docker.compose.oneoff=True"
_TAIL: Final = 1500


class StackError(Exception):
    """What cannot be done with the stack: wanted, found, what to do."""


def compose(*words: str, source: IO[bytes] | None = None) -> str:
    """What `docker compose` with these words writes to standard output; `source` is its input.

    Raises:
        StackError: it failed; with the end of what it said.
    """
    done = _docker(("compose", *ALL_PROFILES, *words), subprocess.PIPE, source)
    return str(done.stdout.decode())


def compose_to(target: IO[bytes], *words: str) -> str:
    """What `docker compose` with these words says on standard error; its output goes to `target`.

    Raises:
        StackError: it failed; with the end of what it said.
    """
    return str(_docker(("compose", *ALL_PROFILES, *words), target, None).stderr.decode())


def exit_code(container: str) -> int:
    """How a container ended; waits for its end.

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
            "no command `docker` is to be found: install Docker with its compose plugin"
        ) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-_TAIL:]
        raise StackError(f"docker {' '.join(words)} ended with {done.returncode}: {said}")
    return done


def configuration() -> Mapping[str, Any]:
    """The stack as Compose understands it: services, volumes and secrets of all profiles."""
    found: Mapping[str, Any] = json.loads(compose("config", "--format", "json"))
    return found


def running() -> dict[str, int]:
    """How many containers are at work by service, those that Docker starts again and again among them.

    Containers of `docker compose run` are not counted: they are nothing that `start` could bring back.
    """
    found = [each for each in _listed() if not _is_one_off(each)]
    return dict(Counter(each["Service"] for each in found if each["State"] in _AT_WORK))


def require_no_one_off() -> None:
    """Passes where no container of `docker compose run` is at work: `stop` would leave it so.

    Raises:
        StackError: names those that are.
    """
    found = [each for each in _listed() if _is_one_off(each) and each["State"] in _AT_WORK]
    if names := ", ".join(each["Name"] for each in found):
        raise StackError(f"{names} of `docker compose run` is at work: end it, or `docker stop` it, first")


def containers(service: str) -> list[str]:
    """The IDs of a service's containers, ended ones too; those of `docker compose run` are not among them."""
    return [str(each["ID"]) for each in _listed(service) if not _is_one_off(each)]


def _listed(*services: str) -> list[dict[str, Any]]:
    lines = compose("ps", "--all", "--format", "json", *services).splitlines()
    return [json.loads(line) for line in lines]


def _is_one_off(container: Mapping[str, Any]) -> bool:
    return _ONE_OFF in container["Labels"].split(",")


def start(stack: Mapping[str, Any], services: Mapping[str, int]) -> None:
    """Starts as many containers of these services, as they were, and waits until they are healthy.

    The one-shots that they depend on run first, as at each start; what else they depend on is not started: it
    did not run before, as Spark does not beside workers with the embedded engine.

    Raises:
        StackError: one of them did not come up.
    """
    if not services:
        return
    say(f"starting {', '.join(services)}")
    others = needed_by(stack, services) - set(services) - one_shots(stack)
    scale = [f"{name}={count}" for name, count in {**services, **dict.fromkeys(others, 0)}.items()]
    _up(*(word for each in scale for word in ("--scale", each)), *services)


def restart(service: str, count: int) -> None:
    """Restarts the containers of a service, and nothing else, and waits until they are healthy.

    Raises:
        StackError: one of them did not come up.
    """
    compose("restart", "--no-deps", service)
    _up("--no-deps", "--scale", f"{service}={count}", service)


def _up(*words: str) -> None:
    compose("up", "--detach", "--wait", "--no-recreate", *words)


def needed_by(stack: Mapping[str, Any], services: Iterable[str]) -> set[str]:
    """The services that these depend on, directly or not, and these themselves."""
    found: set[str] = set()
    waiting = list(services)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += stack["services"][name].get("depends_on", {})
    return found


def one_shots(stack: Mapping[str, Any]) -> set[str]:
    """The services whose end others wait for."""
    return {
        needed
        for service in stack["services"].values()
        for needed, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }


def stop() -> None:
    """Stops all services, those that depend on others first."""
    say("stopping the stack")
    compose("stop")


@contextmanager
def alone() -> Iterator[None]:
    """No other of these scripts is at work on this folder, and a stop signal ends the work in good order.

    Raises:
        StackError: another is; or this is not the folder of the stack.
    """
    if not FILE.is_file():
        raise StackError(f"no {FILE} in {Path.cwd()}: start this in the project's folder")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    with FILE.open("rb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError("another backup, restore or rotation is at work: wait for its end") from None
        yield


def why(error: BaseException) -> str:
    """The reason in words, also that of a signal to stop, which has none of its own."""
    return str(error) if isinstance(error, Exception) else "it was told to stop"


@contextmanager
def or_told(state: str) -> Iterator[None]:
    """What fails in it, or is told to stop, is told behind `state`: how things stand then.

    Raises:
        StackError: with both.
    """
    try:
        yield
    except (StackError, OSError, KeyboardInterrupt, SystemExit) as error:
        raise StackError(f"{state} {why(error)}") from None


def say(what: str) -> None:
    """Tells a person what is being done."""
    sys.stdout.write(what + "\n")
    sys.stdout.flush()


def leave(error: StackError, name: str) -> NoReturn:
    """Ends the process with the error in one paragraph."""
    sys.exit(f"{name}: {error}")
