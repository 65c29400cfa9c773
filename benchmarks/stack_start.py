"""How large the stack's images are, how long they take to build from cold, and when each service is ready.

`python -m benchmarks.stack_start [--cold]`: needs Docker; starts the stack of `make test-stack`, and removes
it. `--cold` builds the images anew first, without the builder's cache.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.stack.containers import docker, service_of, why_no_docker
from tests.stack.running_stack import IMAGES, PROJECT, Stack, checked_out, environment

_MB = 1_000_000
_TAIL = 2000


def image_lines() -> list[str]:
    """The size of each image, as the engine counts it."""
    sizes = [int(docker("image", "inspect", "--format", "{{.Size}}", image)) for image in IMAGES]
    return [f"{image:<40} {size / _MB:>7,.0f} MB" for image, size in zip(IMAGES, sizes, strict=True)]


def ready_lines(stack: Stack) -> list[str]:
    """Seconds from `docker compose up` until each service is healthy or has ended well."""
    began = time.monotonic()
    ready: dict[str, float] = {}
    command = ["docker", "compose", "--project-name", PROJECT, "--profile", "demo", "up", "--wait"]
    with (
        tempfile.TemporaryFile("w+") as said,  # no pipe: it would fill, for nobody reads it meanwhile
        subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=stack.folder, env=environment(), stderr=said
        ) as starting,
    ):
        while starting.poll() is None:
            time.sleep(0.5)
            for each in stack.containers():
                state = each["State"]
                is_healthy = state.get("Health", {}).get("Status") == "healthy"
                if is_healthy or (state["Status"], state["ExitCode"]) == ("exited", 0):
                    ready.setdefault(service_of(each), time.monotonic() - began)
        said.seek(0)
        if starting.returncode:
            raise SystemExit(f"docker compose up failed: {said.read()[-_TAIL:]}")
    return [f"{name:<40} {seconds:>7.1f} s" for name, seconds in sorted(ready.items(), key=lambda it: it[1])]


def build_lines(stack: Stack, *how: str) -> Iterator[str]:
    """Seconds that each image takes to be built so, as soon as it is."""
    for service in ("minio", "prefect-worker", "spark"):
        began = time.monotonic()
        stack.compose("build", *how, service, seconds=3600)
        yield f"{'built: ' + service:<40} {time.monotonic() - began:>7.1f} s"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cold", action="store_true", help="build without the builder's cache first")
    how = ["--no-cache"] if parser.parse_args().cold else []
    if reason := why_no_docker():
        sys.exit(f"wanted a Docker engine with compose, found none: {reason}")
    with tempfile.TemporaryDirectory() as folder:
        stack = checked_out(Path(folder) / "checkout")
        if reason := stack.why_not_ours():
            sys.exit(reason)
        for line in build_lines(stack, *how):
            sys.stdout.write(f"{line}\n")
        sys.stdout.write("\n".join(image_lines()) + "\n")
        try:
            sys.stdout.write("\n".join(ready_lines(stack)) + "\n")
        finally:
            stack.compose("down", "--volumes", "--timeout", "20")


if __name__ == "__main__":
    main()
