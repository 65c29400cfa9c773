"""How large the stack's images are, how long they take to build from cold, and when each service is ready.

`python -m benchmarks.stack_start [--cold]`: needs Docker; starts a stack of its own beside any other and
removes it. `--cold` builds the images anew first, without the builder's cache.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.stack.running_stack import IMAGES, PROJECT, Stack, checked_out, docker, environment, service_of

_MB = 1_000_000


def image_lines() -> list[str]:
    """The size of each image, as the engine counts it."""
    sizes = [int(docker("image", "inspect", "--format", "{{.Size}}", image)) for image in IMAGES]
    return [f"{image:<40} {size / _MB:>7,.0f} MB" for image, size in zip(IMAGES, sizes, strict=True)]


def ready_lines(stack: Stack) -> list[str]:
    """Seconds from `docker compose up` until each service is healthy or has ended well."""
    began = time.monotonic()
    ready: dict[str, float] = {}
    command = ["docker", "compose", "--project-name", PROJECT, "--profile", "demo", "up", "--wait"]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=stack.folder, env=environment(), stderr=subprocess.DEVNULL
    ) as starting:
        while starting.poll() is None:
            time.sleep(0.5)
            for each in stack.containers():
                state = each["State"]
                is_healthy = state.get("Health", {}).get("Status") == "healthy"
                if is_healthy or (state["Status"], state["ExitCode"]) == ("exited", 0):
                    ready.setdefault(service_of(each), time.monotonic() - began)
    if starting.returncode:
        raise SystemExit("docker compose up failed")
    return [f"{name:<40} {seconds:>7.1f} s" for name, seconds in sorted(ready.items(), key=lambda it: it[1])]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cold", action="store_true", help="build without the builder's cache first")
    with tempfile.TemporaryDirectory() as folder:
        stack = checked_out(Path(folder) / "checkout")
        for service in ("minio", "prefect-worker", "spark"):
            began = time.monotonic()
            cold = ["--no-cache"] if parser.parse_args().cold else []
            stack.compose("build", *cold, service, seconds=3600)
            sys.stdout.write(f"{'built: ' + service:<40} {time.monotonic() - began:>7.1f} s\n")
        sys.stdout.write("\n".join(image_lines()) + "\n")
        try:
            sys.stdout.write("\n".join(ready_lines(stack)) + "\n")
        finally:
            stack.compose("down", "--volumes", "--timeout", "20")


if __name__ == "__main__":
    main()
